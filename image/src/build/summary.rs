//! What mkosi makes of the image's configuration: with conditions, specifiers and variables resolved.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::check;
use crate::host::screen::Screen;
use crate::host::tools;

const ASKING: &str = "asking mkosi for the image's configuration";
/// The settings that name what is copied into an image.
const TREES: [&str; 3] = ["BaseTrees", "ExtraTrees", "SkeletonTrees"];

/// What `mkosi --json summary` prints.
pub(super) struct Summary(Value);

impl Summary {
    /// # Errors
    /// When mkosi can't read the configuration.
    pub(super) fn of(command: &mut Command) -> Result<Self> {
        Self::parse(&tools::output(ASKING, command)?)
    }

    fn parse(said: &[u8]) -> Result<Self> {
        Ok(Self(serde_json::from_slice(said).context(ASKING)?))
    }

    /// Returns the release of Debian that the image is made of.
    ///
    /// # Errors
    /// When the image is made of something else.
    pub(super) fn release(&self) -> Result<&str> {
        // Images of mkosi.images come before the one that contains them.
        let image = self.images().last();
        let word = |key: &str| image.and_then(|image| image.get(key)).and_then(Value::as_str);
        let (Some(distribution), Some(release)) = (word("Distribution"), word("Release")) else {
            bail!("{ASKING}: its summary names no distribution and no release");
        };
        if distribution != "debian" {
            bail!(
                "{ASKING}: Distribution={distribution} in the image's mkosi configuration: it must be debian"
            );
        }
        Ok(release)
    }

    /// Looks for secret keys in what mkosi copies into the image. Says which there are that the folder did not show.
    ///
    /// # Errors
    /// When there is one that belongs into no image.
    pub(super) fn refuse_secrets(&self, folder: &Path, screen: Screen) -> Result<()> {
        let (ours, others) = check::secrets_of(folder, &self.trees());
        others.iter().for_each(|other| screen.say(format_args!("note: {other}")));
        match ours.as_slice() {
            [] => Ok(()),
            ours => bail!("building from {}: {}", folder.display(), ours.join("; ")),
        }
    }

    fn images(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.0.pointer("/Images").and_then(Value::as_array).into_iter().flatten()
    }

    /// Returns what is copied, and where to in the image.
    fn trees(&self) -> Vec<(PathBuf, Option<String>)> {
        let lists = self.images().flat_map(|image| TREES.iter().filter_map(|name| image.get(name)));
        let items = lists.filter_map(Value::as_array).flatten();
        let text = |item: Option<&Value>| item.and_then(Value::as_str).map(str::to_owned);
        items
            .filter_map(|item| {
                let source = text(Some(item)).or_else(|| text(item.get("Source")))?;
                Some((source.into(), text(item.get("Target"))))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_itself_names_its_release() {
        let image = |distribution: &str, release: &str| {
            format!(r#"{{"Distribution":"{distribution}","Release":"{release}"}}"#)
        };
        let release = |images: &[String]| {
            let summary = Summary::parse(format!(r#"{{"Images":[{}]}}"#, images.join(",")).as_bytes());
            let summary = summary.unwrap();
            summary.release().map(str::to_owned).map_err(|error| error.to_string())
        };
        assert_eq!(release(&[image("debian", "testing")]).unwrap(), "testing");
        assert_eq!(release(&[image("debian", "sid"), image("debian", "trixie")]).unwrap(), "trixie");
        let said = |what: &str| Err(format!("asking mkosi for the image's configuration: {what}"));
        let other = "Distribution=fedora in the image's mkosi configuration: it must be debian";
        assert_eq!(release(&[image("fedora", "43")]), said(other));
        let nothing = "its summary names no distribution and no release";
        assert_eq!((release(&[]), release(&["{}".to_owned()])), (said(nothing), said(nothing)));
        assert!(Summary::parse(b"no JSON").is_err());
    }

    #[test]
    fn the_trees_of_all_images_are_copied() {
        let text = br#"{"Images":[{"BaseTrees":["/base"]},{"ExtraTrees":[{"Source":"/e","Target":"/usr"},
            {"Source":"/f","Target":null}],"SkeletonTrees":[],"SandboxTrees":[{"Source":"/s","Target":"/"}]}]}"#;
        let wanted = [("/base", None), ("/e", Some("/usr")), ("/f", None)]
            .map(|(from, to): (&str, Option<&str>)| (PathBuf::from(from), to.map(str::to_owned)));
        assert_eq!(Summary::parse(text).unwrap().trees(), wanted);
    }
}

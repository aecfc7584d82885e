//! The files of one folder, and no others.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use pattern_serve::{Answer, Request, Site, Status};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::facts::{Facts, decide};

/// A folder whose files are served.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder is looked at with each request: its files may be replaced meanwhile.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Opens a file. The kernel follows no link on the way: one could lead out of the folder.
    fn open(&self, name: &str) -> io::Result<(File, Facts)> {
        let folder = openat(CWD, &self.0, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        // Nor does it wait for a writer of a FIFO.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let file = File::from(openat2(folder, name, flags, Mode::empty(), resolve)?);
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok((file, Facts { length: found.len(), modified: found.modified()? }))
    }

    fn file(&self, request: &Request, name: &str) -> io::Result<Answer> {
        let (mut file, facts) = self.open(name)?;
        let (status, headers, part) = decide(request, name, &facts);
        file.seek(SeekFrom::Start(part.start))?;
        let length = part.end.saturating_sub(part.start);
        let mut part = file.take(length);
        let body = Box::new(move |mut to: &mut dyn Write| io::copy(&mut part, &mut to).map(drop));
        Ok(Answer { status, headers, length: Some(length), body })
    }
}

impl Site for Folder {
    fn answer(&self, request: &Request) -> Answer {
        // A file that may not be read is one that the folder does not have, for strangers.
        let found = request.name().and_then(|name| self.file(request, &name).ok());
        found.unwrap_or_else(|| Answer::empty(Status::NotFound))
    }
}

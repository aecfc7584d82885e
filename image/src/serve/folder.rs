//! The files of one folder, and no others.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::answer::{Answer, Facts, decide};
use super::connection::Site;
use super::request::Request;
use super::status::Status;

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
        let body = Box::new(file.take(part.end.saturating_sub(part.start)));
        Ok(Answer { status, headers, part, body })
    }
}

impl Site for Folder {
    fn answer(&self, request: Request) -> Answer {
        if !["GET", "HEAD"].contains(&request.method.as_str()) {
            let mut answer = Answer::without_file(Status::Method);
            answer.headers.push(("Allow", "GET, HEAD".to_owned()));
            return answer;
        }
        // A file that may not be read is one that the folder does not have, for strangers.
        let found = request.name().and_then(|name| self.file(&request, &name).ok());
        found.unwrap_or_else(|| Answer::without_file(Status::NotFound))
    }
}

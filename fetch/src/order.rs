//! Reads the order, and opens what only root may open.

use std::fs::File;
use std::io::{BufRead, Read as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use pattern::delta::order::Order;

/// Bytes of an order.
const LONGEST: u64 = 64 << 10;

pub(crate) struct Files {
    pub(crate) usr: File,
    pub(crate) target: Option<File>,
    pub(crate) kernel: Option<File>,
}

/// Reads the first line.
///
/// # Errors
/// When it is not an order.
pub(crate) fn read(from: &mut impl BufRead) -> Result<Order> {
    let mut line = Vec::new();
    from.take(LONGEST).read_until(b'\n', &mut line).context("reading the order")?;
    serde_json::from_slice(&line).context("reading the order")
}

/// Opens the files. Only the running `/usr` has to be there.
///
/// # Errors
/// When it can't be opened.
pub(crate) fn open(order: &Order) -> Result<Files> {
    let usr = File::open(&order.usr).with_context(|| format!("opening {}", order.usr.display()))?;
    let other = |path: &Option<PathBuf>| path.as_ref().and_then(|path| File::open(path).ok());
    Ok(Files { usr, target: other(&order.target), kernel: other(&order.kernel) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_line() {
        let line = br#"{"url":"http://a","new":"d_2","running":"d_1","root":"00","blocks":1,"keyrings":["/k"],"usr":"/no/usr","target":null,"kernel":null}
more"#;
        let order = read(&mut &line[..]).unwrap();
        assert_eq!((order.new.as_str(), order.keyrings.len()), ("d_2", 1));
        let error = format!("{:#}", open(&order).err().unwrap());
        assert!(error.starts_with("opening /no/usr: "), "{error}");
        assert!(read(&mut &b"{}\n"[..]).is_err());
    }
}

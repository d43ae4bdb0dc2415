//! Cuts chunks of bytes into lines, wherever the chunks themselves were cut.
//!
//! Apart from the filter because it is the one place that knows line ends and the byte order mark.
//! It copies nothing and keeps nothing but its place.

/// The byte order mark in UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Where a stream stands between its lines.
#[derive(Debug)]
pub(super) struct Lines {
    /// How much of a byte order mark has been seen; `None` once the start of the stream is behind.
    bom: Option<usize>,
    /// Whether the last byte was a CR, which an LF would only complete.
    after_cr: bool,
    #[cfg(test)]
    pub(super) scanned: u64,
}

/// A stretch of one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Its bytes, without the line end.
    pub(super) bytes: &'a [u8],
    /// Whether the line ends here.
    pub(super) ended: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            bom: Some(0),
            after_cr: false,
            #[cfg(test)]
            scanned: 0,
        }
    }
}

impl Lines {
    /// Takes the next stretch off the front of `rest`; `None` when nothing is left.
    pub(super) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Piece<'a>> {
        if let Some(piece) = self.after_bom(rest) {
            return Some(piece);
        }
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            *rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest);
        let bytes = &rest[..end.unwrap_or(rest.len())];
        self.after_cr = end.is_some_and(|end| rest[end] == b'\r');
        *rest = &rest[end.map_or(rest.len(), |end| end + 1)..];
        let ended = end.is_some();
        #[cfg(test)]
        {
            self.scanned += bytes.len() as u64 + u64::from(ended);
        }
        Some(Piece { bytes, ended })
    }

    /// Passes over a byte order mark at the very start. Yields its first bytes if they turn out to
    /// be no byte order mark.
    fn after_bom(&mut self, rest: &mut &[u8]) -> Option<Piece<'static>> {
        while let (Some(seen), Some((first, behind))) = (self.bom, rest.split_first()) {
            if *first != BOM[seen] {
                self.bom = None;
                let (bytes, ended) = (&BOM[..seen], false);
                return (seen > 0).then_some(Piece { bytes, ended });
            }
            *rest = behind;
            self.bom = Some(seen + 1).filter(|seen| *seen < BOM.len());
        }
        None
    }
}

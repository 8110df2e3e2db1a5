//! Secrets in files, as Kubernetes, Vault Agent and the CSI driver mount them.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use zeroize::Zeroizing;

/// The largest file, in bytes: that of a secret in AWS Secrets Manager.
const MAX: u64 = 64 * 1024;

/// The file's text without the end of its last line.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let read = File::open(path)?.take(MAX + 1).read_to_string(&mut text)?;
    if read as u64 > MAX {
        let problem = format!("larger than {MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_end_of_the_last_line_is_not_part_of_a_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), " hunter2 \r\n").unwrap();
        assert_eq!(read(file.path()).unwrap().as_str(), " hunter2 ");
    }

    #[test]
    fn a_huge_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), vec![b'x'; 70_000]).unwrap();
        let error = read(file.path()).unwrap_err();
        assert!(error.to_string().contains("65536"), "{error}");
    }
}

//! What can be fetched by name: official addresses, sizes and hashes.
//!
//! The hashes of the data sets are those that other programs check the same files against (TensorFlow Datasets, for the
//! Python version of CIFAR-10 Keras); that of Inception's weights begins with the digits in their name.

use super::Remote;
use crate::Error;

/// The names that [`set`] knows.
pub const NAMES: [&str; 5] = ["cifar10", "cifar10-python", "stl10", "fashion-mnist", "inception"];

/// Folder, name, size and hash of a file.
type Entry = (&'static str, &'static str, u64, &'static str);

const TORONTO: &str = "https://www.cs.toronto.edu/~kriz/";
const STANFORD: &str = "https://ai.stanford.edu/~acoates/stl10/";
// The authors' page names the web address of this store, which has no TLS; this is the store itself.
const ZALANDO: &str = "https://fashion-mnist.s3.eu-central-1.amazonaws.com/";
const PYTORCH_FID: &str = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/";

const CIFAR10: &[Entry] = &[(
    TORONTO,
    "cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)];
const CIFAR10_PYTHON: &[Entry] = &[(
    TORONTO,
    "cifar-10-python.tar.gz",
    170_498_071,
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)];
const STL10: &[Entry] = &[(
    STANFORD,
    "stl10_binary.tar.gz",
    2_640_397_119,
    "f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
)];
const FASHION_MNIST: &[Entry] = &[
    (
        ZALANDO,
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    (
        ZALANDO,
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    (
        ZALANDO,
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    (
        ZALANDO,
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
];
const INCEPTION: &[Entry] = &[(
    PYTORCH_FID,
    "pt_inception-2015-12-05-6726825d.pth",
    95_628_359,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)];

/// The files of the set `name`.
///
/// # Errors
/// If there is no such set.
pub fn set(name: &str) -> Result<Vec<Remote>, Error> {
    let entries = match name {
        "cifar10" => CIFAR10,
        "cifar10-python" => CIFAR10_PYTHON,
        "stl10" => STL10,
        "fashion-mnist" => FASHION_MNIST,
        "inception" => INCEPTION,
        _ => {
            return Err(Error::config(
                name,
                format!("is nothing to fetch; valid names: {}", NAMES.join(", ")),
            ));
        }
    };
    let remote = |&(folder, name, bytes, sha256): &Entry| Remote {
        name: name.to_owned(),
        address: format!("{folder}{name}"),
        bytes,
        sha256: sha256.to_owned(),
    };
    Ok(entries.iter().map(remote).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_files_with_safe_addresses_and_whole_hashes() {
        for name in NAMES {
            for file in set(name).unwrap() {
                assert!(
                    file.address.starts_with("https://") && file.address.ends_with(&file.name),
                    "{file:?}"
                );
                assert!(file.sha256.len() == 64, "{file:?}");
                assert!(file.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{file:?}");
            }
        }
        let text = set("mnist").unwrap_err().to_string();
        assert!(text.contains("valid names: cifar10, cifar10-python, stl10"), "{text}");
    }
}

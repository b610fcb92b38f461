//! What was computed of an image source, kept under a hash of its pictures: a reference set is described once.

use std::fs;
use std::path::{Path, PathBuf};

use super::statistics::FeatureProtocol;
use super::{Extracted, FeatureSet, Keep, NetworkInfo, NumberArray, Statistics};
use crate::Error;
use crate::data::{Images, Pixels, SourcePixels};
use crate::formats::npz::{self, Npz};
use crate::formats::sha256::Hasher;

/// Pictures hashed at once.
const BATCH: usize = 256;
/// Largest file of features that is kept.
const LARGEST: usize = 1 << 30;

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// Stands for one image source in the features of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheKey(String);

impl CacheKey {
    /// The key of all pictures of a source, which are read for it: their bytes, shape and order, the network's weights
    /// and input, how its logits are made, and the number of features.
    ///
    /// # Errors
    /// If a picture cannot be read.
    pub fn of(images: &dyn Images, protocol: &FeatureProtocol) -> Result<CacheKey, Error> {
        let mut hasher = Hasher::new();
        let FeatureProtocol {
            network: NetworkInfo { sha256, input, logits, .. },
            dims,
        } = protocol;
        let header = format!(
            "3 {sha256} {input} {logits} {dims} {} {}
",
            images.shape(),
            images.len()
        );
        hasher.update(header.as_bytes());
        let mut pixels = SourcePixels::new(images);
        let mut left = images.len();
        while left > 0 {
            let n = left.min(BATCH);
            hasher.update(&pixels.next(n)?);
            left -= n;
        }
        Ok(CacheKey(hasher.finish()))
    }
}

impl Cache {
    /// The results in `folder`, which is made when the first one is stored.
    pub fn new(folder: impl Into<PathBuf>) -> Cache {
        Cache { folder: folder.into() }
    }

    /// What is stored under `key`, if it holds all that is to be kept. A damaged file counts as absent: it is made anew.
    pub fn get(&self, key: &CacheKey, keep: Keep) -> Option<Extracted> {
        let Statistics { moments, .. } = Statistics::load(&self.path("moments", key)).ok()?;
        let features = if keep.features {
            Some(self.set("features", key)?)
        } else {
            None
        };
        let logits = if keep.logits {
            Some(self.set("logits", key)?)
        } else {
            None
        };
        Some(Extracted {
            n: moments.n?,
            moments: Some(moments),
            features,
            logits,
        })
    }

    /// Stores `found` under `key`: the moments, and the features and logits that were kept and are not too large. A
    /// single picture has no moments and is not stored.
    ///
    /// # Errors
    /// If the folder or a file cannot be written.
    pub fn put(&self, key: &CacheKey, found: &Extracted, protocol: &FeatureProtocol) -> Result<(), Error> {
        let Some(moments) = &found.moments else {
            return Ok(());
        };
        fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, "create", &e))?;
        let stored = Statistics {
            moments: moments.clone(),
            protocol: Some(protocol.clone()),
        };
        stored.save(&self.path("moments", key))?;
        for (kind, set) in [("features", &found.features), ("logits", &found.logits)] {
            if let Some(set) = set.as_ref().filter(|set| set.n() * set.d() * 4 <= LARGEST) {
                let array = NumberArray::new(&[set.n(), set.d()], set.values().clone());
                npz::write(&self.path(kind, key), &[(kind, &array)], false)?;
            }
        }
        Ok(())
    }

    fn set(&self, kind: &str, key: &CacheKey) -> Option<FeatureSet> {
        let path = self.path(kind, key);
        let bytes = fs::read(&path).ok()?;
        let array = Npz::parse(&path, &bytes).ok()?.get(kind).ok()??;
        FeatureSet::from_array(array).ok()
    }

    fn path(&self, kind: &str, key: &CacheKey) -> PathBuf {
        self.folder.join(format!("{kind}-{}.npz", key.0))
    }

    /// Where results lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shapes;
    use crate::metrics::{Moments, NetworkKind, Values};

    fn protocol() -> FeatureProtocol {
        let network = NetworkInfo {
            name: "n".into(),
            file: "f".into(),
            sha256: "s".into(),
            input: "i".into(),
            logits: String::new(),
            kind: NetworkKind::Inception,
        };
        FeatureProtocol { network, dims: 2 }
    }

    #[test]
    fn a_key_is_that_of_the_pictures_and_the_network() {
        let key = |images: &Shapes, protocol: &FeatureProtocol| CacheKey::of(images, protocol).unwrap();
        let one = key(&Shapes::new(6, 300, 1), &protocol());
        assert_eq!(one, key(&Shapes::new(6, 300, 1), &protocol()));
        assert_ne!(one, key(&Shapes::new(6, 299, 1), &protocol()));
        assert_ne!(one, key(&Shapes::new(6, 300, 2), &protocol()));
        assert_ne!(one, key(&Shapes::new(6, 300, 1), &FeatureProtocol { dims: 3, ..protocol() }));
        let network = NetworkInfo { logits: "with bias".into(), ..protocol().network };
        assert_ne!(one, key(&Shapes::new(6, 300, 1), &FeatureProtocol { network, dims: 2 }));
    }

    #[test]
    fn results_are_found_again_and_damaged_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("new"));
        let key = CacheKey("k".into());
        let features = FeatureSet::new(2, Values::F32(vec![0.0, 1.0, 2.0, 5.0, 1.0, 0.0])).unwrap();
        let moments = Moments::of(&features).unwrap();
        let all = Keep { features: true, logits: false };
        assert!(cache.get(&key, all).is_none() && cache.get(&key, Keep::default()).is_none());
        let found = Extracted {
            n: 3,
            moments: Some(moments.clone()),
            features: Some(features.clone()),
            logits: None,
        };
        cache.put(&key, &found, &protocol()).unwrap();
        assert_eq!(cache.get(&key, Keep::default()).unwrap().moments.unwrap(), moments);
        let again = cache.get(&key, all).unwrap();
        assert_eq!(
            (again.n, again.features.clone().unwrap(), again.moments.clone().unwrap()),
            (3, features, moments)
        );
        // Logits were not stored; by themselves they are as good.
        assert!(cache.get(&key, Keep { features: true, logits: true }).is_none());
        let logits = Extracted {
            features: None,
            logits: Some(again.features.clone().unwrap()),
            ..found.clone()
        };
        let other = CacheKey("l".into());
        cache.put(&other, &logits, &protocol()).unwrap();
        let only = Keep { features: false, logits: true };
        assert_eq!(cache.get(&other, only).unwrap().logits, logits.logits);
        let path = cache.path("moments", &key);
        let mut bytes = fs::read(&path).unwrap();
        bytes[50] ^= 0xff;
        fs::write(&path, bytes).unwrap();
        assert!(cache.get(&key, Keep::default()).is_none());
    }
}

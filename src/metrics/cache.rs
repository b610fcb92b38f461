//! What was computed of an image source, kept under a hash of its pictures: a reference set is described once.

use std::fs;
use std::path::{Path, PathBuf};

use super::statistics::FeatureProtocol;
use super::{Extracted, FeatureSet, Keep, Moments, NumberArray, Statistics};
use crate::Error;
use crate::data::Images;
use crate::data::{Pixels, SourcePixels};
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
    /// and input, and the number of features.
    ///
    /// # Errors
    /// If a picture cannot be read.
    pub fn of(images: &dyn Images, protocol: &FeatureProtocol) -> Result<CacheKey, Error> {
        let mut hasher = Hasher::new();
        let FeatureProtocol { network, dims } = protocol;
        let shape = images.shape();
        let header = format!("2 {} {} {dims} {shape} {}\n", network.sha256, network.input, images.len());
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
        if keep == Keep::default() {
            let stored = Statistics::load(&self.path("moments", key)).ok()?;
            let n = stored.moments.n?;
            return Some(Extracted {
                n,
                moments: Some(stored.moments),
                features: None,
                logits: None,
            });
        }
        let path = self.path("features", key);
        let bytes = fs::read(&path).ok()?;
        let npz = Npz::parse(&path, &bytes).ok()?;
        let set = |name: &str| FeatureSet::from_array(npz.get(name).ok()??).ok();
        let features = set("features")?;
        let logits = if keep.logits { Some(set("logits")?) } else { None };
        let moments = Moments::of(&features).ok();
        Some(Extracted {
            n: features.n(),
            moments,
            features: Some(features),
            logits,
        })
    }

    /// Stores `found` under `key`: the moments, and the features if they were kept and are not too large.
    ///
    /// # Errors
    /// If the folder or a file cannot be written.
    pub fn put(&self, key: &CacheKey, found: &Extracted, protocol: &FeatureProtocol) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, "create", &e))?;
        if let Some(moments) = &found.moments {
            let stored = Statistics {
                moments: moments.clone(),
                protocol: Some(protocol.clone()),
            };
            stored.save(&self.path("moments", key))?;
        }
        let array = |set: &FeatureSet| NumberArray::new(&[set.n(), set.d()], set.values().clone());
        if let Some(features) = found.features.as_ref().filter(|set| set.n() * set.d() * 4 <= LARGEST) {
            let features = array(features);
            let logits = found.logits.as_ref().map(array);
            let mut arrays = vec![("features", &features)];
            arrays.extend(logits.iter().map(|logits| ("logits", logits)));
            npz::write(&self.path("features", key), &arrays, false)?;
        }
        Ok(())
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
    use crate::metrics::{NetworkInfo, NetworkKind, Values};

    fn protocol() -> FeatureProtocol {
        let network = NetworkInfo {
            name: "n".into(),
            file: "f".into(),
            sha256: "s".into(),
            input: "i".into(),
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
        assert_eq!((again.n, again.features.unwrap(), again.moments.unwrap()), (3, features, moments));
        // Logits were not stored.
        assert!(cache.get(&key, Keep { features: true, logits: true }).is_none());
        let path = cache.path("moments", &key);
        let mut bytes = fs::read(&path).unwrap();
        bytes[50] ^= 0xff;
        fs::write(&path, bytes).unwrap();
        assert!(cache.get(&key, Keep::default()).is_none());
    }
}

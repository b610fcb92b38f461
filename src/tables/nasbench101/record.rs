//! A record of the official file: one training of one cell.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::metrics::ModelMetrics;
use crate::formats::limits::brief;

/// Most vertices of a cell.
const MOST_VERTICES: usize = 7;

/// One training of one cell, as the official file holds it: JSON `[hash, epochs, matrix, operations,
/// metrics]`, the metrics a protocol buffer in base64.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The MD5 hash that isomorphic cells share.
    pub hash: [u8; 16],
    /// Length of the training.
    pub epochs: u32,
    /// The matrix of edges, row after row: whether vertex `i` feeds vertex `j` stands at `i * vertices + j`.
    pub matrix: Vec<bool>,
    /// Labels of the vertices, `input` first and `output` last.
    pub operations: Vec<String>,
    /// What was measured.
    pub metrics: ModelMetrics,
}

impl Record {
    /// Reads the data of a TFRecord.
    ///
    /// # Errors
    /// If it is none of this form.
    pub fn read(data: &[u8]) -> Result<Record, String> {
        let parts: (String, u32, String, String, String) = serde_json::from_slice(data)
            .map_err(|e| format!("is not `[hash, epochs, matrix, operations, metrics]`: {e}"))?;
        let (hash, epochs, matrix, operations, metrics) = parts;
        let operations: Vec<String> = operations.split(',').map(str::to_owned).collect();
        let wrong = || format!("has the matrix `{}`, for {} vertices", brief(&matrix), operations.len());
        if operations.len() > MOST_VERTICES || matrix.len() != operations.len().pow(2) {
            return Err(wrong());
        }
        let edge = |b| match b {
            b'0' => Some(false),
            b'1' => Some(true),
            _ => None,
        };
        let edges: Option<Vec<bool>> = matrix.bytes().map(edge).collect();
        let metrics = STANDARD
            .decode(&metrics)
            .map_err(|e| format!("has metrics that are no base64: {e}"))?;
        Ok(Record {
            hash: parse_hash(&hash)
                .ok_or_else(|| format!("has the hash `{}`, not 32 digits", brief(&hash)))?,
            epochs,
            matrix: edges.ok_or_else(wrong)?,
            operations,
            metrics: ModelMetrics::read(&metrics).map_err(|e| format!("has wrong metrics: {e}"))?,
        })
    }

    /// Writes the data of a TFRecord.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hash: String = self.hash.iter().map(|b| format!("{b:02x}")).collect();
        let matrix: String = self.matrix.iter().map(|edge| if *edge { '1' } else { '0' }).collect();
        let metrics = STANDARD.encode(self.metrics.to_bytes());
        let parts = (hash, self.epochs, matrix, self.operations.join(","), metrics);
        serde_json::to_vec(&parts).expect("texts and a number")
    }
}

/// The hash that 32 lower-case digits of base 16 write.
pub fn parse_hash(digits: &str) -> Option<[u8; 16]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let bytes: &[u8; 32] = digits.as_bytes().try_into().ok()?;
    let mut hash = [0; 16];
    for (byte, [high, low]) in hash.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}

//! The measurements of one training, a protocol buffer of version 2.

use crate::formats::protobuf::{Field, encode, fields};

mod field {
    pub const METRICS_EVALUATION: u32 = 1;
    pub const METRICS_PARAMETERS: u32 = 2;
    pub const METRICS_TOTAL_TIME: u32 = 3;
    pub const EVALUATION_EPOCH: u32 = 1;
    pub const EVALUATION_TIME: u32 = 2;
    pub const EVALUATION_TRAIN: u32 = 3;
    pub const EVALUATION_VALIDATION: u32 = 4;
    pub const EVALUATION_TEST: u32 = 5;
    pub const EVALUATION_CHECKPOINT: u32 = 6;
}

/// `ModelMetrics`: one training. What the message leaves out is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelMetrics {
    /// Before the training, half-way and at the end.
    pub evaluations: Vec<EvaluationData>,
    /// Number of trainable numbers.
    pub trainable_parameters: Option<i32>,
    /// Seconds with evaluations.
    pub total_time: Option<f64>,
}

/// `EvaluationData`: a look at the network during its training. What the message leaves out is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EvaluationData {
    /// Epochs done.
    pub epoch: Option<f64>,
    /// Seconds of training up to here, without evaluations.
    pub training_time: Option<f64>,
    /// Fraction of right answers on 10,000 training pictures.
    pub train_accuracy: Option<f64>,
    /// Fraction of right answers on the validation pictures.
    pub validation_accuracy: Option<f64>,
    /// Fraction of right answers on the test pictures.
    pub test_accuracy: Option<f64>,
    /// Where the network was kept.
    pub checkpoint: Option<String>,
}

impl ModelMetrics {
    /// Reads a message; unknown fields are skipped.
    ///
    /// # Errors
    /// If it is cut off, or a known field has another type.
    pub fn read(message: &[u8]) -> Result<ModelMetrics, String> {
        let mut metrics = ModelMetrics::default();
        for part in fields(message) {
            let (number, content) = part?;
            match number {
                field::METRICS_EVALUATION => {
                    let evaluation = bytes(content, "evaluation_data")?;
                    metrics.evaluations.push(EvaluationData::read(evaluation)?);
                }
                field::METRICS_PARAMETERS => {
                    let Field::Number(value) = content else {
                        return Err("`trainable_parameters` is no whole number".to_owned());
                    };
                    // A negative one takes 64 bits.
                    let value = i32::try_from(value as i64);
                    let value = value.map_err(|_| "`trainable_parameters` has more than 32 bits")?;
                    metrics.trainable_parameters = Some(value);
                }
                field::METRICS_TOTAL_TIME => metrics.total_time = Some(double(content, "total_time")?),
                _ => {}
            }
        }
        Ok(metrics)
    }

    /// Writes a message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for evaluation in &self.evaluations {
            out.extend(encode::bytes(field::METRICS_EVALUATION, &evaluation.to_bytes()));
        }
        if let Some(value) = self.trainable_parameters {
            out.extend(encode::number(field::METRICS_PARAMETERS, i64::from(value) as u64));
        }
        if let Some(value) = self.total_time {
            out.extend(encode::double(field::METRICS_TOTAL_TIME, value));
        }
        out
    }
}

impl EvaluationData {
    fn read(message: &[u8]) -> Result<EvaluationData, String> {
        let mut data = EvaluationData::default();
        for part in fields(message) {
            let (number, content) = part?;
            let (target, name) = match number {
                field::EVALUATION_EPOCH => (&mut data.epoch, "epoch"),
                field::EVALUATION_TIME => (&mut data.training_time, "training_time"),
                field::EVALUATION_TRAIN => (&mut data.train_accuracy, "train_accuracy"),
                field::EVALUATION_VALIDATION => (&mut data.validation_accuracy, "validation_accuracy"),
                field::EVALUATION_TEST => (&mut data.test_accuracy, "test_accuracy"),
                field::EVALUATION_CHECKPOINT => {
                    let text = std::str::from_utf8(bytes(content, "checkpoint_path")?);
                    data.checkpoint = Some(text.map_err(|_| "`checkpoint_path` is not UTF-8")?.to_owned());
                    continue;
                }
                _ => continue,
            };
            *target = Some(double(content, name)?);
        }
        Ok(data)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let doubles = [
            (field::EVALUATION_EPOCH, self.epoch),
            (field::EVALUATION_TIME, self.training_time),
            (field::EVALUATION_TRAIN, self.train_accuracy),
            (field::EVALUATION_VALIDATION, self.validation_accuracy),
            (field::EVALUATION_TEST, self.test_accuracy),
        ];
        let mut out = Vec::new();
        for (field, value) in doubles {
            if let Some(value) = value {
                out.extend(encode::double(field, value));
            }
        }
        if let Some(path) = &self.checkpoint {
            out.extend(encode::bytes(field::EVALUATION_CHECKPOINT, path.as_bytes()));
        }
        out
    }
}

fn double(content: Field, name: &str) -> Result<f64, String> {
    match content {
        Field::Fixed64(bits) => Ok(f64::from_bits(bits)),
        _ => Err(format!("`{name}` is no number of eight bytes")),
    }
}

fn bytes<'a>(content: Field<'a>, name: &str) -> Result<&'a [u8], String> {
    match content {
        Field::Bytes(bytes) => Ok(bytes),
        _ => Err(format!("`{name}` is no text or message")),
    }
}

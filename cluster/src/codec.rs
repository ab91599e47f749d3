//! How functions of the field travel: by name, with what they look up.

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use std::fmt::Debug;
use std::sync::Arc;

/// Functions that DataFusion does not have. Both ends must have the same ones.
pub trait Functions: Debug + Send + Sync + 'static {
    /// What a function must be told to be the same elsewhere; `None` for one that is not of these.
    ///
    /// # Errors
    /// When it does not know that yet.
    fn encode(&self, function: &ScalarUDF) -> Result<Option<Vec<u8>>>;

    /// The function of this name that was told this; `None` if there is none. The bytes come from a peer.
    ///
    /// # Errors
    /// When the bytes are none that [`Self::encode`] makes.
    fn decode(&self, name: &str, told: &[u8]) -> Result<Option<ScalarUDF>>;
}

/// None.
impl Functions for () {
    fn encode(&self, _: &ScalarUDF) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn decode(&self, _: &str, _: &[u8]) -> Result<Option<ScalarUDF>> {
        Ok(None)
    }
}

/// Ballista's own, and those.
#[derive(Debug)]
pub(crate) struct Codec {
    stock: BallistaPhysicalExtensionCodec,
    functions: Arc<dyn Functions>,
}

impl Codec {
    pub(crate) fn new(functions: Arc<dyn Functions>) -> Self {
        Self { stock: BallistaPhysicalExtensionCodec::default(), functions }
    }
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.stock.try_decode(bytes, inputs, context, converter)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        self.stock.try_encode(node, bytes, converter)
    }

    fn try_decode_udf(&self, name: &str, bytes: &[u8]) -> Result<Arc<ScalarUDF>> {
        let unknown = || {
            DataFusionError::Plan(format!(
                "the cluster has no function {name}: run the same version of interdict on all its machines"
            ))
        };
        self.functions.decode(name, bytes)?.map(Arc::new).ok_or_else(unknown)
    }

    fn try_encode_udf(&self, function: &ScalarUDF, bytes: &mut Vec<u8>) -> Result<()> {
        // Where nothing is told, the other end looks the function up by its name.
        if let Some(told) = self.functions.encode(function)? {
            bytes.extend(told);
        }
        Ok(())
    }
}

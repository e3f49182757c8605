//! An aggregator's `merge by`: one list of many, one element a key; the preferred source wins, provenance is joined.

use super::Machine;
use super::code::Code;
use super::failure::{Failure, Fallible};
use super::state::BlockId;
use ecow::EcoString;
use rustc_hash::FxHashMap;
use weir_stdlib::pure::Pure;
use weir_stdlib::value::{Hash, Value};

impl Machine {
    /// The merged list, in order of first sight. A source that is null (an optional one that failed) is left out.
    pub(super) fn merge(
        &mut self,
        code: &Code,
        id: BlockId,
        name: &str,
        sources: &[(EcoString, u16)],
        element: u16,
        key: &Pure,
    ) -> Fallible<Value> {
        let Some(frame) = self.blocks.get(id).map(|block| block.frame) else { return Err(Box::default()) };
        let mut out: Vec<Value> = Vec::new();
        let mut places: FxHashMap<Hash, usize> = FxHashMap::default();
        for (source, slot) in sources {
            let slots = self.frames.get(frame).map(|frame| frame.slots.as_slice()).unwrap_or_default();
            let list = slots.get(usize::from(*slot)).cloned().unwrap_or(Value::NULL);
            if list.is_null() {
                continue;
            }
            let items = list.as_list().ok_or_else(|| {
                Failure::new("invalid_input", format!("source `{source}` gave no list but {}", list.kind()))
            })?;
            for item in items {
                let item = item.clone().joined(&list.labels);
                self.set_slot(id, element, item.clone());
                let key = self.eval(code, id, name, key)?.hash();
                match places.get(&key).and_then(|at| out.get_mut(*at)) {
                    Some(had) => had.labels = had.labels.join(&item.deep_labels()),
                    None => {
                        places.insert(key, out.len());
                        out.push(item);
                    }
                }
            }
        }
        self.set_slot(id, element, Value::NULL);
        Ok(Value::list(out))
    }
}

use super::{BOOTSPEC, Boot, Bootspec, SPECIALISATION};
use serde_json::{Map, Value};

impl Bootspec {
    /// The document's text: keys in order, as NixOS writes it. The key of specialisations is always there, also for
    /// none, because NixOS's own writer of systemd-boot's entries wants it.
    #[must_use]
    pub fn render(&self) -> String {
        let text = serde_json::to_string_pretty(&self.value());
        text.expect("invariant: values of JSON serialise") + "\n"
    }

    fn value(&self) -> Value {
        let mut map: Map<String, Value> =
            self.extensions.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let children = self.specialisations.iter().map(|(name, child)| (name.clone(), child.value()));
        map.insert(SPECIALISATION.to_owned(), children.collect::<Map<_, _>>().into());
        map.insert(BOOTSPEC.to_owned(), self.boot.value());
        map.into()
    }
}

impl Boot {
    fn value(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| drop(map.insert(key.to_owned(), value));
        put("init", self.init.as_str().into());
        if let Some(initrd) = &self.initrd {
            put("initrd", initrd.as_str().into());
        }
        if let Some(secrets) = &self.initrd_secrets {
            put("initrdSecrets", secrets.as_str().into());
        }
        put("kernel", self.kernel.as_str().into());
        put("kernelParams", self.kernel_params.clone().into());
        put("label", self.label.clone().into());
        put("system", self.system.clone().into());
        put("toplevel", self.toplevel.as_str().into());
        map.into()
    }
}

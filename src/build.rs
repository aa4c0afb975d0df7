//! Links the unwinder of GCC into the program on Linux with glibc: one shared library less to load makes
//! a fresh `get` a tenth faster. The standard library asks for `-lgcc_s`; this puts a linker script of that
//! name first in the search path, which stands for the static archives.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let wanted = target("OS") == "linux" && target("ENV") == "gnu" && target("FEATURE_CRT_STATIC").is_empty();
    if !wanted {
        return;
    }
    let Ok(folder) = std::env::var("OUT_DIR") else { return };
    let script = Path::new(&folder).join("libgcc_s.so");
    match std::fs::write(&script, "GROUP ( -lgcc_eh -lgcc )\n") {
        Ok(()) => println!("cargo::rustc-link-search=native={folder}"),
        Err(error) => println!("cargo::warning=the unwinder stays a shared library: {error}"),
    }
}

//! Links as a Node.js addon, and has the type definitions left beside the build, where
//! scripts/build-runtime.mjs finds them.

use std::path::Path;

fn main() {
    napi_build::setup();
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    // <target>/release/build/<crate>/out, up to <target>/release.
    let profile = Path::new(&out)
        .ancestors()
        .nth(3)
        .expect("OUT_DIR lies in a profile's folder");
    let types = profile.join("napi-types");
    std::fs::create_dir_all(&types).expect("the target folder can be written to");
    println!(
        "cargo:rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}",
        types.display()
    );
    println!("cargo:rerun-if-changed=build.rs");
}

//! Modules whose allocator took its first memory at the upload, and those that are left as they came.

use wasmhook_engine::limits::CallLimits;

use crate::guest::{Guest, LIMITS, NONE, from_text, guest};

/// An allocator that takes two pages when it is first asked, and hands out from there. `change` is
/// what else it does; `fields` are added to the module.
fn allocating(change: &str, fields: &str) -> String {
    format!(
        r#"(module
            {fields}
            (memory (export "memory") 1)
            (global $calls (mut i32) (i32.const 0))
            (table $table 2 funcref)
            (elem declare func $pages)
            (data (i32.const 8) "given")
            (data (i32.const 70) "more")
            (func $malloc (export "__wbindgen_malloc") (param i32) (result i32)
                {change}
                (if (i32.eqz (i32.load (i32.const 0)))
                    (then (i32.store (i32.const 0)
                        (i32.mul (memory.grow (i32.const 2)) (i32.const 65536)))))
                (i32.load (i32.const 0))
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get 0))))
            (func (export "__wbindgen_free") (param i32 i32))
            (func $pages (export "pages") (result i32) memory.size)
            (func (export "next") (result i32) (i32.load (i32.const 0)))
            (func (export "given") (result i32) (i32.load8_u (i32.const 12)))
            (func (export "calls") (result i32) global.get $calls))"#
    )
}

fn made(change: &str, fields: &str) -> Guest {
    from_text(&allocating(change, fields)).unwrap_or_else(|failure| panic!("{failure:?}"))
}

/// As the module came: one page, an allocator that was never asked.
fn is_as_it_came(guest: &Guest) {
    assert_eq!(guest.text("pages", NONE), "1");
    assert_eq!(guest.text("next", NONE), "0");
    assert_eq!(guest.text("calls", NONE), "0");
    assert_eq!(guest.text("given", NONE), u32::from(b'n').to_string());
}

#[test]
fn a_call_starts_with_the_memory_that_the_allocator_took() {
    let guest = made("", "");
    for _call in 0..2 {
        assert_eq!(guest.text("pages", NONE), "3");
        assert_eq!(guest.text("next", NONE), (65_536 + 16).to_string());
        assert_eq!(guest.text("given", NONE), u32::from(b'n').to_string());
    }
}

#[test]
fn what_an_allocator_changes_besides_memory_leaves_the_module_as_it_came() {
    let count = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))";
    is_as_it_came(&made(count, ""));
    is_as_it_came(&made(
        "(table.set $table (i32.const 1) (ref.func $pages))",
        "",
    ));
    is_as_it_came(&made(
        "(drop (table.grow $table (ref.null func) (i32.const 1)))",
        "",
    ));
    let import = r#"(import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))"#;
    is_as_it_came(&made("(drop (call $yield))", import));
}

#[test]
fn an_allocator_that_fails_leaves_the_module_as_it_came() {
    is_as_it_came(&made("unreachable", ""));
    is_as_it_came(&made("(loop $on (br $on))", ""));
    is_as_it_came(&made("(drop (memory.grow (i32.const 17)))", ""));
}

#[test]
fn a_module_that_starts_by_itself_or_keeps_data_for_later_is_left_as_it_came() {
    let start = "(func $start (global.set $calls (i32.const 7))) (start $start)";
    let guest = made("", start);
    assert_eq!(guest.text("pages", NONE), "1");
    assert_eq!(guest.text("calls", NONE), "7");
    let passive = r#"(data $later "later")
        (func (export "later") (result i32)
            (memory.init $later (i32.const 200) (i32.const 0) (i32.const 5))
            (i32.load8_u (i32.const 200)))"#;
    let guest = made("", passive);
    assert_eq!(guest.text("later", NONE), u32::from(b'l').to_string());
    is_as_it_came(&guest);
}

#[test]
fn a_module_with_an_initialiser_of_its_own_is_left_as_it_came() {
    // It would find an allocator that has begun before it.
    let guest = made("", r#"(func (export "_initialize"))"#);
    is_as_it_came(&guest);
}

#[test]
fn a_module_that_keeps_elements_for_later_is_left_as_it_came() {
    let fields = r#"(elem $later func $pages)
        (func (export "later") (result i32)
            (table.init $table $later (i32.const 0) (i32.const 0) (i32.const 1))
            (call_indirect (result i32) (i32.const 0)))"#;
    let guest = made(
        "(if (i32.eqz (i32.load (i32.const 0))) (then (elem.drop $later)))",
        fields,
    );
    assert_eq!(guest.text("later", NONE), "1");
    is_as_it_came(&guest);
}

#[test]
fn an_allocator_that_writes_much_besides_its_memory_leaves_the_module_as_it_came() {
    let filled = |bytes: usize| {
        from_text(&format!(
            r#"(module
                (memory (export "memory") 128)
                (data (i32.const 0) "given")
                (func (export "__wbindgen_malloc") (param i32) (result i32)
                    (drop (memory.grow (i32.const 1)))
                    (memory.fill (i32.const 8) (i32.const 7) (i32.const {bytes}))
                    (i32.const 8))
                (func (export "pages") (result i32) memory.size))"#
        ))
        .unwrap()
    };
    assert_eq!(filled(1 << 10).text("pages", NONE), "129");
    assert_eq!(filled(2 << 20).text("pages", NONE), "128");
}

#[test]
fn a_module_that_drops_its_data_by_number_still_runs() {
    // Less data is left than the number says, so the module is compiled as it came.
    let guest = made(
        "",
        r#"(func (export "drop") (result i32) (data.drop 1) (i32.const 5))"#,
    );
    assert_eq!(guest.text("drop", NONE), "5");
    is_as_it_came(&guest);
}

#[test]
fn every_generation_of_allocators_is_made_ready() {
    for name in ["wasm-bindgen-61", "wasm-bindgen-87", "wasm-bindgen-130"] {
        let guest = guest(name);
        assert_eq!(guest.text("say", ["wörld"]), "hello wörld", "{name}");
    }
}

#[test]
fn the_memory_taken_counts_towards_the_limit() {
    let guest = made("", "");
    let pages = |pages: usize| CallLimits {
        memory_bytes: pages << 16,
        ..LIMITS
    };
    assert_eq!(guest.call("pages", NONE).limits(pages(3)).text(), "3");
    let failure = guest.call("pages", NONE).limits(pages(2)).failure();
    assert_eq!(failure.code, wasmhook_engine::error::Code::MemoryLimit);
}

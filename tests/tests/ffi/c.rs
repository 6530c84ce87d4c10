//! C programs that use and misuse the library, compiled from `c/` and run, under valgrind too
//! where it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::built::{deps, workspace};
use crate::ffi::header;
use crate::maven;

const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread"];

/// Rust keeps pointers into blocks, which valgrind takes for possible losses.
const VALGRIND: [&str; 5] = [
    "valgrind",
    "--quiet",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect",
    "--error-exitcode=99",
];

/// A folder to build and run in.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Compiles a source file. Gives what the compiler has against it, if anything.
    fn compile(
        &self,
        compiler: &str,
        standard: &str,
        source: &Path,
        more: &[&str],
    ) -> Option<String> {
        let output = Command::new(compiler)
            .arg(standard)
            .args(STRICT)
            .args(["-g", "-I"])
            .arg(workspace().join("include"))
            .arg("-o")
            .arg(self.path("program"))
            .arg(source)
            .args(more)
            .output()
            .unwrap_or_else(|error| panic!("{compiler}: {error}"));
        let faults = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then_some(faults)
    }

    fn link(&self, source: &Path) {
        let folder = format!("-L{}", deps().display());
        let faults = self.compile("cc", "-std=c99", source, &[&folder, "-lcrm"]);
        assert!(
            faults.is_none(),
            "{}: {}",
            source.display(),
            faults.unwrap_or_default()
        );
    }

    fn run(&self, before: &[&str]) -> String {
        self.run_with(before, &[])
    }

    /// Runs the program with arguments, and `before` in front of it all. Gives what it said.
    fn run_with(&self, before: &[&str], arguments: &[&str]) -> String {
        let program = self.path("program").display().to_string();
        let line = [before, &[program.as_str()], arguments].concat();
        let mut command = Command::new(line[0]);
        command.args(&line[1..]);
        command
            .current_dir(self.folder.path())
            .env("LD_LIBRARY_PATH", deps());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{line:?}: {}\n{said}{errors}",
            output.status
        );
        said
    }
}

fn installed(tool: &str) -> bool {
    Command::new(tool)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Builds and runs `c/<name>.c`, which ends with status 0 when everything was as it expects.
fn check(name: &str) {
    let bench = Bench::new();
    bench.link(&workspace().join(format!("tests/tests/ffi/c/{name}.c")));
    bench.run(&[]);
    if installed("valgrind") {
        bench.run(&VALGRIND);
    }
}

#[test]
fn misuse_is_an_error_and_never_a_crash() {
    check("misuse");
}

#[test]
fn text_is_checked() {
    check("text");
}

#[test]
fn records_go_in_and_out_as_json() {
    check("records");
}

#[test]
fn statements_step_through_rows() {
    check("statements");
}

#[test]
fn sessions_prove_who_opens_them() {
    check("sessions");
}

#[test]
fn threads_cancel_and_are_kept_apart() {
    check("threads");
}

#[test]
fn the_static_library_serves_as_well() {
    let bench = Bench::new();
    let source = workspace().join("tests/tests/ffi/c/text.c");
    let library = deps().join("libcrm.a");
    let more = [library.to_str().unwrap(), "-ldl", "-lm", "-lgcc_s"];
    let faults = bench.compile("cc", "-std=c99", &source, &more);
    assert!(faults.is_none(), "{}", faults.unwrap_or_default());
    bench.run(&[]);
}

#[test]
fn the_example_of_the_first_page_runs() {
    let bench = Bench::new();
    let source = bench.path("first_page.c");
    fs::write(&source, header::example("lib")).unwrap();
    bench.link(&source);
    let said = bench.run(&[]);
    assert!(said.contains("\"name\":\"Acme\""), "{said}");
}

#[test]
fn the_example_of_the_readme_runs() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, example) = readme
        .split_once("```c\n")
        .expect("the README has an example in C");
    let (example, _) = example.split_once("```").unwrap();
    let bench = Bench::new();
    let source = bench.path("readme.c");
    fs::write(&source, example).unwrap();
    bench.link(&source);
    let said = bench.run(&[]);
    assert!(said.starts_with("company "), "{said}");
}

/// The host in C, built as its Makefile builds it.
fn host() -> Bench {
    let bench = Bench::new();
    let host = workspace().join("examples/c_host");
    let table = host.join("table.c");
    let folder = format!("-L{}", deps().display());
    let more = [table.to_str().unwrap(), &folder, "-lcrm"];
    let faults = bench.compile("cc", "-std=c99", &host.join("main.c"), &more);
    assert!(faults.is_none(), "{}", faults.unwrap_or_default());
    bench
}

#[test]
fn the_host_in_c_does_the_main_job() {
    let data = workspace().join("examples/data/maven");
    let said = host().run_with(&[], &["store.crm", data.to_str().unwrap()]);
    assert!(said.contains(" 0 faults"), "{said}");
    assert!(said.contains("\n0 handles are open"), "{said}");
    let agents_of = |manager: &str| -> Vec<String> {
        let teams = maven::data("sales_teams.csv").into_iter();
        let team = teams.filter(|row| manager.is_empty() || row[1] == manager);
        team.map(|mut row| row.swap_remove(0)).collect()
    };
    maven::assert_funnel(&said, "administrator", &agents_of(""));
    maven::assert_funnel(&said, "dustin.brinkmann", &agents_of("Dustin Brinkmann"));
    maven::assert_funnel(&said, "moses.frase", &["Moses Frase".to_owned()]);
}

/// Under valgrind on the first rows only: it is some fifty times slower.
#[test]
fn the_host_in_c_leaks_nothing() {
    if !installed("valgrind") {
        return;
    }
    let bench = host();
    let data = bench.path("maven");
    fs::create_dir(&data).unwrap();
    for file in [
        "accounts.csv",
        "products.csv",
        "sales_teams.csv",
        "sales_pipeline.csv",
    ] {
        let path = workspace().join("examples/data/maven").join(file);
        let text = fs::read_to_string(path).unwrap();
        let head: Vec<&str> = text.lines().take(301).collect();
        fs::write(data.join(file), head.join("\n") + "\n").unwrap();
    }
    let said = bench.run_with(&VALGRIND, &["store.crm", data.to_str().unwrap()]);
    assert!(said.contains("deal: 300 rows in, 300 stored"), "{said}");
    assert!(said.contains(" 0 faults"), "{said}");
}

#[test]
fn the_header_is_c99_and_cpp17() {
    let bench = Bench::new();
    let source = bench.path("header.c");
    fs::write(
        &source,
        "#include \"crm.h\"\n#include \"crm.h\"\nint main(void) { return CRM_OK; }\n",
    )
    .unwrap();
    let languages = [
        ("cc", "-std=c99", "c"),
        ("c++", "-std=c++11", "c++"),
        ("c++", "-std=c++17", "c++"),
    ];
    for (compiler, standard, language) in languages {
        // What stands before the source file belongs to it: its language.
        let wrapper = bench.path(if language == "c" {
            "as_c.c"
        } else {
            "as_cpp.cpp"
        });
        fs::copy(&source, &wrapper).unwrap();
        let faults = bench.compile(compiler, standard, &wrapper, &[]);
        assert!(
            faults.is_none(),
            "{standard}: {}",
            faults.unwrap_or_default()
        );
    }
}

#[test]
fn a_callback_that_may_throw_does_not_compile_in_cpp17() {
    let bench = Bench::new();
    let program = |specifier: &str| {
        format!(
            "#include \"crm.h\"\n\
             static int32_t hear(void *, int64_t, int64_t) {specifier} {{ return CRM_CONTINUE; }}\n\
             int main() {{ crm_progress_fn progress = hear; return progress(nullptr, 0, -1) - 1; }}\n"
        )
    };
    let source = bench.path("callback.cpp");
    fs::write(&source, program("noexcept")).unwrap();
    let faults = bench.compile("c++", "-std=c++17", &source, &[]);
    assert!(faults.is_none(), "{}", faults.unwrap_or_default());
    fs::write(&source, program("")).unwrap();
    assert!(bench.compile("c++", "-std=c++17", &source, &[]).is_some());
}

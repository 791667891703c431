//! The `hugesync` program: everything is in the library's command line.

// musl's own allocator takes one lock for all threads (measured: ARCHITECTURE.md, "Packages").
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hugesync::cli::main()
}

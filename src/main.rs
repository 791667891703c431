//! The `hugesync` program: everything is in the library's command line.

// musl's own allocator takes one lock for all threads, and glibc's costs a tree of small files a tenth more (measured:
// ARCHITECTURE.md, "Packages").
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hugesync::cli::main()
}

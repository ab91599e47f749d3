# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.
# Real servers and clients that are missing are installed first, and that is said.

export CARGO_TERM_PROGRESS_WHEN ?= never
CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR

.PHONY: demo test corpus check bench build release packages packages-bench kafka clients fmt clean

demo: packages
	cargo build --bin interdict
	$(CARGO_TARGET_DIR)/debug/interdict demo $(DEMO)

test: packages kafka clients check
# INTERDICT_LONG: the broker is away for a whole minute, not for seconds.
	INTERDICT_LONG=1 cargo test --workspace --no-fail-fast

# Recordings of real systems and attacks, which are no part of the project: INTERDICT_CORPUS=folder make corpus
corpus:
	cargo test --test all recordings -- --include-ignored
	cargo test --package interdict-queries --test all corpus -- --ignored --nocapture

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	! cargo tree --package interdict-proxy --edges normal --prefix none | grep -E '^(datafusion|deltalake)'

build: packages
	cargo build --bin interdict

release: packages
	cargo build --release --bins

bench: packages packages-bench kafka
	cargo bench --bench peers -- $(BENCH)
	cargo bench --package interdict-collector --bench write
	cargo bench --package interdict-detector --bench fold --bench scale

packages:
	deploy/packages.sh test

packages-bench:
	deploy/packages.sh bench

# The broker's jars, resolved once from Maven Central.
kafka: packages
	tests/kafka/start.sh --jars

# What reads the lake in tests: PostgreSQL's JDBC driver from Maven Central, DuckDB, Polars and ADBC from PyPI; and the OCSF schema.
clients: packages
	tests/jdbc/fetch.sh >/dev/null
	tests/python/venv.sh >/dev/null

fmt:
	cargo fmt --all

clean:
	cargo clean

#!/usr/bin/env bash
# Whether exported teams do the same on other processors, emulated: on x86-64 without AVX, with AVX2, and on ARM. The third
# team has continuous actions.
# On Debian it needs the packages qemu-user and gcc-aarch64-linux-gnu, and `rustup target add aarch64-unknown-linux-gnu`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
c=crates/commformer-c
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

for target in x86_64 aarch64; do
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        cargo build --quiet --locked --release --package commformer-c --target "$target-unknown-linux-gnu"
    "$target-linux-gnu-gcc" -std=c99 -I $c/include $c/examples/team.c -static -w -o "$scratch/$target" \
        "target/$target-unknown-linux-gnu/release/libcommformer_c.a" -lpthread -ldl -lm 2>/dev/null
done
for file in tests/scratch/networks/{team,actors}.safetensors $c/tests/continuous.safetensors; do
    awk 'BEGIN { srand(1); for (i = 0; i < 400000; i++) print rand() * 4 - 2 }' >"$scratch/numbers"
    "$scratch/x86_64" $file <"$scratch/numbers" >"$scratch/here"
    echo "$file: $(wc -l <"$scratch/here") steps here"
    for machine in 'x86_64 -cpu Nehalem' 'x86_64 -cpu Haswell' aarch64; do
        # shellcheck disable=SC2086 # Some have options.
        qemu-$machine "$scratch/${machine%% *}" $file <"$scratch/numbers" >"$scratch/there"
        echo "qemu-$machine: $(paste -d ' ' "$scratch/here" "$scratch/there" | awk '
            { half = NF / 2; for (i = 1; i <= half; i++) if ($i != $(i + half)) { others++; d = $i - $(i + half); if (d * d > most) most = d * d } }
            END { if (others) print others " words differ, by at most " sqrt(most); else print "the same" }')"
    done
done

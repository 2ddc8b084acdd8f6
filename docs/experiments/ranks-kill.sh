#!/usr/bin/env bash
# SIGKILL of a random rank of a random number of them, after a random number of iterations and a random moment; the run goes on with another number of ranks to its
# end. Are metrics (times aside) and the last weights those of an undisturbed run of one rank? Then SIGSTOP, thrice.
# Usage: ranks-kill.sh PROGRAM FOLDER [POINTS]; prints a table in Markdown. About 5 minutes with 20 points on two free cores.
set -euo pipefail
program=$1 folder=$2 points=${3:-20}
mkdir -p "$folder"
RANDOM=${SEED:-7}
export COMMFORMER_ANSWER_SECONDS=5
settings="--threads 1 --steps 8000 --set rollout.num_envs=8 --set rollout.steps=20 --set rollout.shard=2 --set ppo.chunk=25
    --set policy.embed_dim=16 --set run.save_every=800 --set eval.every=4000 --set eval.episodes=2 --set eval.final_episodes=5"

train() { # RUN RANKS; takes the place of the shell that calls it
    exec "$program" train signal $settings --run "$1" --ranks "$2"
}
hashes() {
    local metrics newest
    metrics=$(sed 's/,"seconds":{[^}]*}//' "$1/metrics.jsonl" | sha256sum | cut -c1-16)
    newest=$(ls -d "$1"/checkpoints/0* | tail -n 1)
    echo "$metrics $(sha256sum <"$newest/weights.safetensors" | cut -c1-16)"
}
now() { date +%s%3N; }
seconds() { printf '%d.%01d' $(($1 / 1000)) $(($1 % 1000 / 100)); }
told() { grep -c '"kind":"iteration"' "$1/metrics.jsonl" 2>/dev/null || true; }
# The process of a rank: the first is the one that was started here.
of_rank() { # FIRST RANK
    [ "$2" -gt 0 ] || { echo "$1"; return; }
    local child
    for child in $(pgrep -P "$1"); do
        ! grep -zqx "RANK=$2" "/proc/$child/environ" 2>/dev/null || echo "$child"
    done
}

rm -rf "$folder/whole"
(train "$folder/whole" 1) >"$folder/said" 2>&1
whole=$(hashes "$folder/whole")
rm -rf "$folder/three"
(train "$folder/three" 3) >"$folder/said" 2>&1
[ "$(hashes "$folder/three")" = "$whole" ] || { echo "three ranks end with other hashes"; exit 1; }
echo "Undisturbed: metrics ${whole% *}, weights ${whole#* }."
echo
echo "| signal | rank | in iteration | the others ended after | went on from step | with ranks | the end |"
echo "|---|---|---|---|---|---|---|"
failed=0
for ((point = 0; point < points + 3; point++)); do
    ranks=$((2 + RANDOM % 3)) run=$folder/point-$point
    rank=$((RANDOM % ranks)) iteration=$((RANDOM % 46)) moment=$((RANDOM % 400))
    signal=KILL
    # A rank that is stopped in the middle: every one of three in turn.
    [ "$point" -lt "$points" ] || { signal=STOP ranks=3 rank=$((point - points)) iteration=20; }
    rm -rf "$run"
    train "$run" "$ranks" >"$folder/said" 2>&1 &
    first=$!
    # The children are there soon after the first; the first iteration is told of when it is over.
    until victim=$(of_rank "$first" "$rank") && [ -n "$victim" ] && [ "0$(told "$run")" -ge "$iteration" ]; do
        kill -0 "$first" 2>/dev/null || break
        sleep 0.01
    done
    sleep "$(printf '0.%03d' $moment)"
    all=$(echo "$first" $(pgrep -P "$first" || true))
    begun=$(now) ended=yes
    # Too late: once more, at another time.
    kill -$signal $victim 2>/dev/null || { wait "$first" || true; point=$((point - 1)); continue; }
    for process in $all; do
        [ "$process" != "$victim" ] || continue
        while [ -e "/proc/$process" ] && ! grep -q '^State:.Z' "/proc/$process/status" 2>/dev/null; do
            [ $(($(now) - begun)) -lt 60000 ] || { ended=no; kill -KILL "$process"; }
            sleep 0.02
        done
    done
    waited=$(seconds $(($(now) - begun)))
    kill -KILL $victim 2>/dev/null || true
    wait "$first" 2>/dev/null || true
    [ $ended = yes ] || waited="not within 60"
    named=$(grep -oE "process $rank (did not answer|has ended|ended)|rank $rank ended with signal|rank $rank ended" "$folder/said" | head -n 1 || true)
    others=$((1 + (ranks + RANDOM % 3) % 4))
    begun_at=0
    ! [ -d "$run/checkpoints" ] || begun_at=$(ls "$run/checkpoints" | grep -E '^[0-9]+$' | tail -n 1 || true)
    begun_at=$((10#${begun_at:-0} * 160))
    end=equal
    (train "$run" "$others") >"$folder/said-then" 2>&1 || end="failed"
    [ $end = failed ] || [ "$(hashes "$run")" = "$whole" ] || end="other hashes"
    [ "$end" = equal ] && [ $ended = yes ] || failed=1
    echo "| $signal | $rank of $ranks | $((iteration + 1)) | $waited s${named:+ ($named)} | $begun_at | $others | $end |"
    [ "$end" != equal ] || rm -rf "$run"
done
exit $failed

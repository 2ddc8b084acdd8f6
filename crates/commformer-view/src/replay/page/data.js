// @ts-check
// The data of the page: what `replay/data.rs` writes.

/** A number, or a word for one that is not finite. @typedef {number | string} Num */
/** @typedef {string | {agent: number} | {sight: number}} Role */
/** @typedef {{rectangle: number[]} | {circle: number[]} | {line: number[]} | {polygon: number[][]} | {text: [number[], string]}} Form */
/** @typedef {{role: Role, form: Form}} Shape */
/** @typedef {[number, number]} Point */
/** @typedef {{shapes: Shape[], agents: (Point | null)[]}} Picture */
/** @typedef {{active: boolean[], actions: (number | Num[])[], probabilities: Num[][], values: Num[], rewards: Num[], open: boolean[][], opens: Num[][], delivered: number[], weights: Num[][][]}} Step */
/** @typedef {{size: Point, scenery: Shape[], pictures: Picture[], steps: Step[], team_return: Num, metrics: Num[]}} Episode */
/** @typedef {{name: string, facts: [string, string][], agents: string[], actions: string[], graph: boolean[][], links: Point[], attention: string[], heads: number, gates: "receiver" | "edge" | null, metrics: string[], episodes: Episode[]}} Run */
/** @typedef {{version: number, title: string, command: string, runs: Run[]}} Replay */

/** The layout of the data that this page reads. */
const VERSION = 1;

/**
 * Unpacks the data: deflated JSON as base64.
 * @param {string} packed
 * @returns {Promise<Replay>}
 */
async function unpack(packed) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser cannot unpack the episodes: open the page in a newer one.");
  }
  /** @type {Replay} */
  let replay;
  try {
    const bytes = Uint8Array.from(atob(packed.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    replay = JSON.parse(await new Response(stream).text());
  } catch {
    throw new Error("The episodes in this file are damaged: make it anew with `commformer replay`.");
  }
  if (replay.version !== VERSION) {
    throw new Error(
      `The episodes in this file are of version ${replay.version}, its player is of version ${VERSION}: ` +
        "make it anew with `commformer replay`."
    );
  }
  if (!replay.runs?.length || replay.runs.some((run) => !run.episodes.length)) {
    throw new Error("This file holds no episode: the run that it was made of has none to play.");
  }
  return replay;
}

/**
 * A number to count with; one that is not finite counts nothing.
 * @param {Num | undefined} number
 */
function finite(number) {
  return typeof number === "number" ? number : 0;
}

/**
 * A number to read.
 * @param {Num | undefined} number
 * @param {number} decimals
 */
function text(number, decimals = 2) {
  if (number === undefined) return "–";
  return typeof number === "number" ? number.toFixed(decimals).replace("-", "−") : number;
}

/**
 * The mean over agents.
 * @param {Num[]} numbers
 */
function mean(numbers) {
  let sum = 0;
  for (const number of numbers) sum += finite(number);
  return sum / Math.max(numbers.length, 1);
}

/**
 * How much attention was paid along each link in a step; with head -1 the mean over the heads.
 * @param {Step} step
 * @param {number} layer
 * @param {number} head
 * @returns {number[]}
 */
function attention(step, layer, head) {
  const heads = step.weights[layer] ?? [];
  const chosen = head < 0 ? heads : heads.slice(head, head + 1);
  return (heads[0] ?? []).map((_, link) => mean(chosen.map((weights) => weights[link])));
}

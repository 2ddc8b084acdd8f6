// @ts-check
// The player: what is shown now, and what buttons and keys change of it.

/** The layers that can be hidden, with their keys. */
const LAYERS = { messages: "m", gates: "g", sight: "s", names: "n" };

class Player {
  /** @param {Replay} replay */
  constructor(replay) {
    this.replay = replay;
    this.worlds = replay.runs.map((run) => new World(run));
    this.graph = new GraphPanel();
    this.run = 0;
    this.episode = 0;
    this.time = 0;
    this.playing = false;
    /** The agent whose messages are looked at; `null`: everybody's. @type {number | null} */
    this.agent = null;
    this.layer = 0;
    this.head = -1;
    this.tick = 0;
    /** What the panels show. */
    this.shown = "";
    /** @type {boolean} */
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.build();
    this.listen();
    this.chooseRun(0);
    this.chooseEpisode(0);
  }

  /** Steps of the longer of the episodes that are shown. */
  get length() {
    return Math.max(...this.worlds.map((world) => world.episode.steps.length));
  }

  build() {
    const { title, command, runs } = this.replay;
    document.title = title;
    get("title", HTMLElement).textContent = title;
    if (command) get("made", HTMLElement).append("Made by ", html("code", {}, command));
    get("worlds", HTMLElement).append(...this.worlds.map((world) => world.figure));
    const choice = get("runs", HTMLElement);
    choice.hidden = runs.length < 2;
    get("key-run", HTMLElement).hidden = runs.length < 2;
    choice.append(
      ...runs.map((run, number) => {
        const button = html("button", { type: "button" }, run.name);
        button.addEventListener("click", () => this.chooseRun(number));
        return button;
      })
    );
    get("curve-legend", HTMLElement).append(
      ...runs.map((run, number) => {
        const [stroke, bar] = [`stroke run${number}`, `swatch bars-swatch run${number}`].map((kind) => html("i", { class: kind }));
        const name = runs.length > 1 ? `${run.name}: ` : "";
        return html("span", {}, name, stroke, "return so far", bar, "messages");
      })
    );
    const episodes = Math.min(...runs.map((run) => run.episodes.length));
    for (let number = 0; number < episodes; number++) {
      const told = runs.map((run) => this.outcome(run, number)).join(" against ");
      get("episode", HTMLElement).append(html("option", { value: String(number) }, `${number + 1} of ${episodes}: ${told}`));
    }
  }

  /** @param {Run} run @param {number} number */
  outcome(run, number) {
    const episode = run.episodes[number];
    if (this.worlds.length > 1) return text(episode.team_return);
    const value = episode.metrics[0];
    const told = text(value, Number.isInteger(value) ? 0 : 2);
    const metric = run.metrics.length ? `, ${run.metrics[0].replaceAll("_", " ")} ${told}` : "";
    return `return ${text(episode.team_return)}${metric}`;
  }

  listen() {
    /** @type {Record<string, () => void>} */
    const actions = {
      first: () => this.seek(0),
      back: () => this.seek(Math.ceil(this.time) - 1),
      play: () => this.play(!this.playing),
      on: () => this.seek(Math.floor(this.time) + 1),
      last: () => this.seek(this.length),
      theme: () => this.turn(),
    };
    for (const [id, act] of Object.entries(actions)) get(id, HTMLButtonElement).addEventListener("click", act);
    const time = get("time", HTMLInputElement);
    time.addEventListener("input", () => this.seek(Number(time.value)));
    const episode = get("episode", HTMLSelectElement);
    episode.addEventListener("change", () => this.chooseEpisode(episode.selectedIndex));
    const [layer, head] = [get("layer", HTMLSelectElement), get("attention-head", HTMLSelectElement)];
    layer.addEventListener("change", () => this.look(layer.selectedIndex, this.head));
    head.addEventListener("change", () => this.look(this.layer, head.selectedIndex - 1));
    for (const name of Object.keys(LAYERS)) {
      get(`show-${name}`, HTMLInputElement).addEventListener("change", () => this.hide());
    }
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.target;
    // A field that has the focus keeps its own keys; so does a button the space.
    if (target instanceof HTMLSelectElement) return;
    const own = target instanceof HTMLInputElement || target instanceof HTMLButtonElement;
    if (own && event.key === " " && target.id !== "time") return;
    const agents = this.replay.runs[this.run].agents.length;
    /** @type {Record<string, () => void>} */
    const keys = {
      " ": () => this.play(!this.playing),
      ArrowLeft: () => this.seek(Math.ceil(this.time) - 1),
      ArrowRight: () => this.seek(Math.floor(this.time) + 1),
      Home: () => this.seek(0),
      End: () => this.seek(this.length),
      ArrowUp: () => this.choose(((this.agent ?? 0) + agents - 1) % agents),
      ArrowDown: () => this.choose(((this.agent ?? -1) + 1) % agents),
      a: () => this.choose(null),
      "[": () => this.chooseEpisode(this.episode - 1),
      "]": () => this.chooseEpisode(this.episode + 1),
      "-": () => this.speed(-1),
      "+": () => this.speed(1),
      "=": () => this.speed(1),
      r: () => this.chooseRun((this.run + 1) % this.worlds.length),
      t: () => this.turn(),
    };
    for (const [name, key] of Object.entries(LAYERS)) {
      keys[key] = () => get(`show-${name}`, HTMLInputElement).click();
    }
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** @param {number} change */
  speed(change) {
    const speed = get("speed", HTMLSelectElement);
    speed.selectedIndex = Math.max(0, Math.min(speed.options.length - 1, speed.selectedIndex + change));
  }

  /** Switches between light and dark. */
  turn() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  hide() {
    for (const name of Object.keys(LAYERS)) {
      get("worlds", HTMLElement).classList.toggle(`no-${name}`, !get(`show-${name}`, HTMLInputElement).checked);
    }
  }

  /** @param {number} number */
  chooseRun(number) {
    this.run = number;
    const run = this.replay.runs[number];
    [...get("runs", HTMLElement).children].forEach((button, index) => {
      button.setAttribute("aria-pressed", String(index === number));
      this.worlds[index].figure.classList.toggle("picked", index === number && this.worlds.length > 1);
    });
    get("facts", HTMLElement).replaceChildren(
      ...run.facts.map(([name, value]) => html("span", {}, `${name} `, html("b", {}, value)))
    );
    // Of a network without attention there is none to choose.
    get("attention", HTMLElement).hidden = !run.attention.length;
    const [layer, head] = [get("layer", HTMLSelectElement), get("attention-head", HTMLSelectElement)];
    layer.replaceChildren(...run.attention.map((name) => html("option", {}, layerName(name))));
    const heads = Array.from({ length: run.heads }, (_, index) => html("option", {}, String(index + 1)));
    head.replaceChildren(html("option", {}, run.heads > 1 ? "mean" : "the only one"), ...(run.heads > 1 ? heads : []));
    if (this.agent !== null && this.agent >= run.agents.length) this.agent = null;
    this.look(Math.min(this.layer, run.attention.length - 1), Math.min(this.head, run.heads > 1 ? run.heads - 1 : -1));
  }

  /** @param {number} layer @param {number} head */
  look(layer, head) {
    [this.layer, this.head] = [Math.max(layer, 0), head];
    get("layer", HTMLSelectElement).selectedIndex = this.layer;
    get("attention-head", HTMLSelectElement).selectedIndex = head + 1;
    this.show();
  }

  /** @param {number} number */
  chooseEpisode(number) {
    const select = get("episode", HTMLSelectElement);
    this.episode = Math.max(0, Math.min(select.options.length - 1, number));
    select.selectedIndex = this.episode;
    for (const world of this.worlds) world.choose(this.episode);
    get("time", HTMLInputElement).max = String(this.length);
    this.curve();
    this.seek(0, this.playing);
  }

  /** @param {number | null} agent */
  choose(agent) {
    this.agent = agent;
    this.show();
  }

  /** @param {number} time @param {boolean} [playing] */
  seek(time, playing = false) {
    this.time = Math.max(0, Math.min(this.length, time));
    this.play(playing);
    this.show();
  }

  /** @param {boolean} playing */
  play(playing) {
    if (playing && !this.playing && this.time >= this.length) this.time = 0;
    this.playing = playing;
    const button = get("play", HTMLButtonElement);
    button.classList.toggle("playing", playing);
    button.setAttribute("aria-label", playing ? "Pause" : "Play");
    cancelAnimationFrame(this.tick);
    if (playing) this.tick = requestAnimationFrame((now) => this.run_on(now, now));
  }

  /** Goes on with the time. @param {number} before @param {number} now */
  run_on(before, now) {
    const speed = Number(get("speed", HTMLSelectElement).value);
    this.time = Math.min(this.length, this.time + ((now - before) / 1000) * speed);
    if (this.time >= this.length) this.play(false);
    else this.tick = requestAnimationFrame((next) => this.run_on(now, next));
    this.show();
  }

  /** Shows the moment. The panels change from step to step only. */
  show() {
    const time = this.still ? Math.floor(this.time) : this.time;
    const { layer, head, agent } = this;
    for (const world of this.worlds) world.show(time, { layer, head, agent });
    const at = Math.floor(this.time);
    const world = this.worlds[this.run];
    const slider = get("time", HTMLInputElement);
    const key = [at, this.run, this.episode, layer, head, agent].join();
    if (this.shown === key) return;
    this.shown = key;
    slider.value = String(at);
    const over = at >= this.length;
    slider.setAttribute("aria-valuetext", over ? "end" : `step ${at + 1} of ${this.length}`);
    get("clock", HTMLElement).textContent = over ? `end of ${this.length}` : `${at + 1} / ${this.length}`;
    const view = { run: world.run, step: world.episode.steps[at], layer, head, agent };
    /** @param {number} agent */
    const choose = (agent) => this.choose(agent === this.agent ? null : agent);
    showTeam(view, choose);
    showChoice(view);
    this.graph.show(view, choose);
  }

  /** Draws the return so far and the messages of each step above the time line. */
  curve() {
    const svg = get("curve", SVGSVGElement);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${this.length} 40`);
    const layer = new Layer(svg, "");
    const totals = this.worlds.map((world) => {
      let sum = 0;
      return [0, ...world.episode.steps.map((step) => (sum += finite(mean(step.rewards))))];
    });
    const most = Math.max(1, ...this.worlds.flatMap((world) => world.episode.steps.map((step) => step.delivered.length)));
    const [low, high] = [Math.min(...totals.flat()), Math.max(...totals.flat())];
    this.worlds.forEach((world, run) => {
      const width = 0.8 / this.worlds.length;
      world.episode.steps.forEach((step, at) => {
        const height = (16 * step.delivered.length) / most;
        const x = at + 0.1 + run * width;
        layer.put(`bar ${run} ${at}`, "path", { class: `said run${run}`, d: `M${x} 40v${-height}h${width}v${height}z` });
      });
    });
    totals.forEach((total, run) => {
      const point = (/** @type {number} */ sum, /** @type {number} */ at) => `${at} ${(37 - (34 * (sum - low)) / (high - low || 1)).toFixed(2)}`;
      layer.put(`line ${run}`, "path", { class: `return run${run}`, d: `M${total.map(point).join("L")}` });
    });
    layer.show();
  }
}

/** The name of a network's attention, to read. @param {string} name */
function layerName(name) {
  const found = /^(encoder|decoder)\.blocks\.(\d+)\.(?:(self|cross)_)?attention$/.exec(name);
  if (!found) return name;
  const [, part, block, kind] = found;
  return `${part}, block ${Number(block) + 1}${kind ? `, ${kind}` : ""}`;
}

/** Says what is wrong, in the place of everything else. @param {unknown} fault */
function complain(fault) {
  const place = get("fault", HTMLElement);
  place.textContent = fault instanceof Error ? fault.message : String(fault);
  place.hidden = false;
  for (const part of ["head", "main"]) get(part, HTMLElement).hidden = true;
}

unpack(get("data", HTMLScriptElement).textContent ?? "")
  .then((replay) => {
    get("main", HTMLElement).hidden = false;
    new Player(replay);
    document.documentElement.dataset.ready = "";
  })
  .catch(complain);

// @ts-check
// The world of an episode: its scenery, who is where, and what they say to each other.

/** Longer ways between two steps are jumps, not moves: units of the world. */
const LONGEST_MOVE = 3;

/** @param {Role} role @returns {[string, number]} */
function roleOf(role) {
  if (typeof role === "string") return [role, -1];
  return "agent" in role ? ["agent", role.agent] : ["sight", role.sight];
}

/**
 * The numbers of a shape's form.
 * @param {Form} form
 * @returns {{tag: string, numbers: number[], label?: string}}
 */
function outline(form) {
  if ("rectangle" in form) return { tag: "rect", numbers: form.rectangle };
  if ("circle" in form) return { tag: "circle", numbers: form.circle };
  if ("line" in form) return { tag: "line", numbers: form.line };
  if ("polygon" in form) return { tag: "polygon", numbers: form.polygon.flat() };
  return { tag: "text", numbers: form.text[0], label: form.text[1] };
}

/** @type {Record<string, string[]>} */
const ATTRIBUTES = {
  rect: ["x", "y", "width", "height"],
  circle: ["cx", "cy", "r"],
  line: ["x1", "y1", "x2", "y2"],
  text: ["x", "y", "font-size"],
};

/** @typedef {{kind: string, count: number, role: string, agent: number, tag: string, numbers: number[], label?: string}} Drawn */

/** What is drawn of the shapes of a picture, and how often each kind comes. @type {WeakMap<Shape[], {drawn: Drawn[], kinds: Map<string, Drawn[]>}>} */
const DRAWN = new WeakMap();

/**
 * Shapes with the kind of thing that each is, so that those of two pictures can be told to be the same.
 * @param {Shape[]} shapes
 */
function sorted(shapes) {
  const known = DRAWN.get(shapes);
  if (known) return known;
  /** @type {Map<string, Drawn[]>} */
  const kinds = new Map();
  const drawn = shapes.map((shape) => {
    const [role, agent] = roleOf(shape.role);
    const form = outline(shape.form);
    const kind = `${form.tag} ${role} ${agent}`;
    const same = kinds.get(kind) ?? [];
    const drawn = { kind, count: same.length, role, agent, ...form };
    same.push(drawn);
    kinds.set(kind, same);
    return drawn;
  });
  const found = { drawn, kinds };
  DRAWN.set(shapes, found);
  return found;
}

/**
 * Numbers on their way to others, if that is a move.
 * @param {number[]} from
 * @param {number[] | undefined | null} to
 * @param {number} share
 */
function between(from, to, share) {
  if (!to || to.length !== from.length || share === 0) return from;
  if (Math.hypot(to[0] - from[0], to[1] - from[1]) > LONGEST_MOVE) return from;
  return from.map((number, index) => number + (to[index] - number) * share);
}

class World {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    this.caption = html("figcaption", {}, html("strong", {}, run.name), html("span", { class: "muted" }));
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("role", "img");
    this.svg.setAttribute("aria-label", `The world of ${run.name}`);
    this.figure = html("figure", { class: "card world" }, this.caption, this.svg);
    this.scenery = new Layer(this.svg, "scenery");
    this.shapes = new Layer(this.svg, "shapes");
    this.closed = new Layer(this.svg, "closed");
    this.messages = new Layer(this.svg, "messages");
    this.marks = new Layer(this.svg, "marks");
    this.episode = run.episodes[0];
  }

  /** @param {number} number */
  choose(number) {
    this.episode = this.run.episodes[number] ?? this.run.episodes[0];
    const [width, height] = this.episode.size;
    const margin = 0.06 * SCALE;
    this.svg.setAttribute(
      "viewBox",
      [-margin, -margin, width * SCALE + 2 * margin, height * SCALE + 2 * margin].join(" ")
    );
    this.draw(this.scenery, this.episode.scenery, this.episode.scenery, 0);
  }

  /**
   * Shows a moment: a step, and how much of the way to the next one is over.
   * @param {number} time
   * @param {{layer: number, head: number, agent: number | null}} view
   */
  show(time, view) {
    const { pictures, steps, team_return } = this.episode;
    const at = Math.min(Math.floor(time), steps.length);
    const share = at < steps.length ? time - at : 0;
    const next = pictures[Math.min(at + 1, steps.length)];
    this.draw(this.shapes, pictures[at].shapes, next.shapes, share);
    const agents = pictures[at].agents.map((from, agent) => from && between(from, next.agents[agent], share));
    const step = steps[at];
    this.talk(step, pictures[at].shapes, agents, view);
    const over = at === steps.length;
    const note = this.caption.querySelector("span");
    if (note) note.textContent = over ? `over after ${at} steps, return ${text(team_return)}` : `step ${at + 1} of ${steps.length}`;
    this.figure.dataset.step = String(at);
    this.figure.dataset.messages = String(step?.delivered.length ?? 0);
  }

  /**
   * @param {Layer} layer
   * @param {Shape[]} shapes
   * @param {Shape[]} later
   * @param {number} share
   */
  draw(layer, shapes, later, share) {
    const [now, then] = [sorted(shapes), sorted(later)];
    for (const { kind, count, role, agent, tag, numbers: from, label } of now.drawn) {
      const next = then.kinds.get(kind);
      const moves = next?.length === now.kinds.get(kind)?.length && role !== "shot" && role !== "heal";
      const numbers = between(from, moves ? next?.[count]?.numbers : null, share);
      /** @type {Record<string, string | number>} */
      const attributes = { class: agent >= 0 ? `${role} ${hue(agent)}` : role };
      if (tag === "polygon") {
        attributes.points = numbers.map((number) => (number * SCALE).toFixed(1)).join(" ");
      } else {
        ATTRIBUTES[tag].forEach((name, index) => (attributes[name] = numbers[index] * SCALE));
      }
      const title = role === "agent" && tag === "circle" ? this.run.agents[agent] : label;
      layer.put(`${kind} ${count}`, tag, attributes, title);
    }
    layer.show();
  }

  /**
   * Draws the messages of a step and the gates that kept some out.
   * @param {Step | undefined} step
   * @param {Shape[]} shapes
   * @param {(number[] | null)[]} agents
   * @param {{layer: number, head: number, agent: number | null}} view
   */
  talk(step, shapes, agents, view) {
    /** @type {Map<number, number>} */
    const radii = new Map();
    for (const { role, form } of shapes) {
      const [kind, agent] = roleOf(role);
      if (kind === "agent" && "circle" in form) radii.set(agent, form.circle[2] * SCALE);
    }
    /** @param {number} agent */
    const radius = (agent) => radii.get(agent) ?? 0.36 * SCALE;
    /** @param {number} agent @returns {Point | null} */
    const place = (agent) => {
      const at = agents[agent];
      return at ? [at[0] * SCALE, at[1] * SCALE] : null;
    };
    const weights = step ? attention(step, view.layer, view.head) : [];
    const delivered = new Set(step?.delivered);
    this.run.links.forEach(([receiver, sender], link) => {
      const [from, to] = [place(sender), place(receiver)];
      if (!step || receiver === sender || !from || !to) return;
      if (!step.active[receiver] || !step.active[sender]) return;
      const aside = view.agent !== null && view.agent !== receiver && view.agent !== sender;
      const names = `${this.run.agents[sender]} to ${this.run.agents[receiver]}`;
      if (delivered.has(link)) {
        /** @type {number | undefined} */
        const weight = weights[link];
        const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
        const width = Math.min((0.02 + 0.11 * Math.min(weight ?? 0, 1)) * SCALE, 0.1 * length);
        const { line, tip } = arrow(from, to, radius(sender), radius(receiver) * 1.2, width);
        const style = `message ${hue(sender)}${aside ? " aside" : ""}`;
        const title = `${names}: attention ${text(weight)}`;
        if (!aside) this.messages.put(`halo ${link}`, "path", { class: "halo", d: line, "stroke-width": width + 5 });
        this.messages.put(`line ${link}`, "path", { class: style, d: line, "stroke-width": width }, title);
        this.messages.put(`tip ${link}`, "path", { class: `tip ${style}`, d: tip });
      } else {
        const { line } = arrow(from, to, radius(sender), radius(receiver) * 1.2, 0);
        this.closed.put(`line ${link}`, "path", { class: aside ? "shut aside" : "shut", d: line }, `${names}: not heard`);
      }
    });
    step?.open.forEach((gates, agent) => {
      const at = place(agent);
      if (!at || !step.active[agent] || gates.length > 1) return;
      const [cx, cy] = at;
      this.closed.put(`gate ${agent}`, "circle", { class: gates[0] ? "gate open" : "gate", cx, cy, r: radius(agent) * 1.24 });
    });
    const chosen = view.agent === null ? null : place(view.agent);
    if (chosen && view.agent !== null) {
      const [cx, cy] = chosen;
      this.marks.put("chosen", "circle", { class: "chosen", cx, cy, r: radius(view.agent) * 1.42 });
    }
    for (const layer of [this.closed, this.messages, this.marks]) layer.show();
  }
}

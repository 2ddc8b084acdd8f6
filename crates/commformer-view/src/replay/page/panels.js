// @ts-check
// The panels beside the world: the team, one agent's choice, the graph.

/** @typedef {{run: Run, step: Step | undefined, layer: number, head: number, agent: number | null}} View */

/**
 * A number in a table; one that is not finite stands out.
 * @param {Num | undefined} number
 * @param {number} [decimals]
 */
function cell(number, decimals = 2) {
  const odd = typeof number === "string";
  return html("td", odd ? { class: "odd", title: "not a finite number" } : {}, text(number, decimals));
}

/** @param {Run} run @param {number | Num[] | undefined} action */
function actionName(run, action) {
  if (action === undefined) return "–";
  if (typeof action === "number") return run.actions[action] ?? String(action);
  return action.map((part) => text(part, 1)).join(" ");
}

/** Small bars, one for each action. @param {Num[]} probabilities @param {number | Num[] | undefined} action */
function bars(probabilities, action) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${probabilities.length * 6} 20`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("class", "bars");
  picture.setAttribute("aria-hidden", "true");
  const layer = new Layer(picture, "");
  probabilities.forEach((probability, index) => {
    const height = Math.max(1, 20 * finite(probability));
    const kind = index === action ? "bar chosen-bar" : "bar";
    layer.put(String(index), "rect", { class: kind, x: index * 6, y: 20 - height, width: 5, height });
  });
  layer.show();
  return picture;
}

/**
 * A row for each agent.
 * @param {View} view
 * @param {(agent: number) => void} choose
 */
function showTeam({ run, step, agent: chosen }, choose) {
  const table = get("team", HTMLTableElement);
  const [gated, discrete] = [run.gates !== null, run.actions.length > 0];
  const heads = ["agent", "does", discrete ? "chances" : "", "value", "reward", gated ? "gate" : ""];
  const titles = ["", "", "How likely each action was", "What it expects to earn from here on", "", "Whether it receives; how likely that was"];
  const head = html("tr");
  heads.forEach((name, index) => {
    if (name) head.append(html("th", { scope: "col", title: titles[index], class: name }, name));
  });
  const rows = run.agents.map((name, agent) => {
    const active = step ? step.active[agent] : true;
    const button = html("button", { type: "button", class: "agent", "aria-pressed": String(agent === chosen) });
    button.append(html("span", { class: `dot ${hue(agent)}` }), name);
    button.addEventListener("click", () => choose(agent));
    const row = html("tr", active ? {} : { class: "out" }, html("th", { scope: "row" }, button));
    if (step && !active) {
      row.append(html("td", { colspan: "5" }, "inactive"));
      return row;
    }
    const action = step?.actions[agent];
    row.append(html("td", {}, actionName(run, action)));
    if (discrete) row.append(html("td", { class: "chances" }, step ? bars(step.probabilities[agent] ?? [], action) : "–"));
    row.append(cell(step?.values[agent]), cell(step?.rewards[agent]));
    if (gated) row.append(gateCell(run, step, agent));
    return row;
  });
  // Whoever has come to a button by keys stays there.
  const focused = [...table.querySelectorAll("button")].findIndex((button) => button === document.activeElement);
  table.replaceChildren(html("thead", {}, head), html("tbody", {}, ...rows));
  table.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
}

/** @param {Run} run @param {Step | undefined} step @param {number} agent */
function gateCell(run, step, agent) {
  const gates = step?.open[agent];
  if (!step || !gates) return html("td", { class: "muted" }, step ? "all open" : "–");
  const edges = run.links.filter(([receiver, sender]) => receiver === agent && sender !== agent);
  if (run.gates === "edge") {
    const open = edges.filter(([, sender]) => gates[sender]).length;
    return html("td", {}, `${open} of ${edges.length}`);
  }
  const chance = step.opens[agent]?.[0];
  const sure = typeof chance === "number" ? ` ${Math.round(100 * chance)} %` : "";
  return html("td", { class: gates[0] ? "is-open" : "is-shut" }, `${gates[0] ? "open" : "shut"}${sure}`);
}

/** The chosen agent's probabilities, action by action. @param {View} view */
function showChoice({ run, step, agent }) {
  // Nobody is chosen: the first active agent will do.
  const shown = agent ?? Math.max(step ? step.active.indexOf(true) : 0, 0);
  const name = run.agents[shown];
  get("choice-title", HTMLElement).textContent = `What ${name} considers`;
  const box = get("choice", HTMLElement);
  const probabilities = step?.probabilities[shown] ?? [];
  if (!step || !step.active[shown] || !probabilities.length) {
    const why = !step ? "The episode is over." : !step.active[shown] ? `${name} is inactive.` : "Its actions are vectors.";
    box.replaceChildren(html("p", { class: "muted" }, why));
    return;
  }
  const rows = probabilities.map((probability, index) => {
    const share = `${(100 * finite(probability)).toFixed(1)}%`;
    const fill = html("span", { class: "fill" });
    fill.style.width = share;
    const kind = index === step.actions[shown] ? "option taken" : probability === 0 ? "option never" : "option";
    const written = typeof probability === "number" ? (probability === 0 ? "–" : share) : probability;
    return html("div", { class: kind }, html("span", {}, run.actions[index]), html("span", { class: "track" }, fill), html("span", { class: "number" }, written));
  });
  box.replaceChildren(...rows);
}

/** The graph as agents on a ring and as a matrix. */
class GraphPanel {
  constructor() {
    const [ring, matrix] = [get("ring", SVGSVGElement), get("matrix", SVGSVGElement)];
    this.ring = ring;
    this.matrix = matrix;
    this.edges = new Layer(ring, "");
    this.agents = new Layer(ring, "");
    this.cells = new Layer(matrix, "");
  }

  /** @param {View} view @param {(agent: number) => void} choose */
  show(view, choose) {
    const weights = view.step ? attention(view.step, view.layer, view.head) : [];
    const delivered = new Set(view.step?.delivered);
    this.showRing(view, weights, delivered, choose);
    this.showMatrix(view, weights, delivered);
  }

  /** @param {View} view @param {number[]} weights @param {Set<number>} delivered @param {(agent: number) => void} choose */
  showRing({ run, agent: chosen }, weights, delivered, choose) {
    const count = run.agents.length;
    const radius = Math.min(16, (0.8 * Math.PI * 120) / Math.max(count, 3));
    this.ring.setAttribute("viewBox", "0 0 300 300");
    /** @param {number} agent @returns {Point} */
    const place = (agent) => {
      const angle = (2 * Math.PI * agent) / count;
      return [150 + 120 * Math.sin(angle), 150 - 120 * Math.cos(angle)];
    };
    run.links.forEach(([receiver, sender], link) => {
      if (receiver === sender) return;
      const aside = chosen !== null && chosen !== receiver && chosen !== sender ? " aside" : "";
      const width = delivered.has(link) ? 1.2 + 5 * Math.min(weights[link] ?? 0, 1) : 1;
      const { line, tip } = arrow(place(sender), place(receiver), radius, radius, width);
      const style = `${delivered.has(link) ? `message ${hue(sender)}` : "edge"}${aside}`;
      const title = `${run.agents[sender]} to ${run.agents[receiver]}`;
      this.edges.put(`line ${link}`, "path", { class: style, d: line, "stroke-width": width }, title);
      this.edges.put(`tip ${link}`, "path", { class: `tip ${style}`, d: tip });
    });
    run.agents.forEach((name, agent) => {
      const [cx, cy] = place(agent);
      const kind = `agent ${hue(agent)}${agent === chosen ? " picked" : ""}`;
      const disc = this.agents.put(`disc ${agent}`, "circle", { class: kind, cx, cy, r: radius }, name);
      disc.onclick = () => choose(agent);
      this.agents.put(`text ${agent}`, "text", { class: `agent ${hue(agent)}`, x: cx, y: cy, "font-size": radius * 0.95 }, String(agent));
    });
    this.edges.show();
    this.agents.show();
  }

  /** @param {View} view @param {number[]} weights @param {Set<number>} delivered */
  showMatrix({ run, agent: chosen }, weights, delivered) {
    const count = run.agents.length;
    const size = 260 / count;
    this.matrix.setAttribute("viewBox", "0 0 300 300");
    for (let agent = 0; agent < count; agent++) {
      const middle = 32 + (agent + 0.5) * size;
      const style = { class: "note", "font-size": Math.min(13, 0.9 * size) };
      this.cells.put(`row ${agent}`, "text", { ...style, x: 20, y: middle }, String(agent));
      this.cells.put(`column ${agent}`, "text", { ...style, x: middle, y: 20 }, String(agent));
    }
    const note = { class: "note small", "font-size": 10 };
    this.cells.put("senders", "text", { ...note, x: 162, y: 6 }, "sender");
    this.cells.put("receivers", "text", { ...note, x: 6, y: 162, transform: "rotate(-90 6 162)" }, "receiver");
    this.cells.put("frame", "rect", { class: "frame", x: 32, y: 32, width: 260, height: 260 });
    run.links.forEach(([receiver, sender], link) => {
      const [x, y] = [32 + sender * size, 32 + receiver * size];
      const own = receiver === sender;
      /** @type {number | undefined} */
      const weight = weights[link];
      const full = Math.min(weight ?? 0, 1);
      const kind = own ? "own" : delivered.has(link) ? "heard" : "edge";
      const inset = Math.min(1.5, size * 0.06);
      const box = { x: x + inset, y: y + inset, width: size - 2 * inset, height: size - 2 * inset, rx: 2 };
      const from = own ? "itself" : run.agents[sender];
      const title = `${run.agents[receiver]} hears ${from}: ${text(weight)}`;
      this.cells.put(`box ${link}`, "rect", { ...box, class: `cell ${kind}` }, title);
      if (own || delivered.has(link)) {
        const opacity = (0.08 + 0.92 * full).toFixed(3);
        this.cells.put(`fill ${link}`, "rect", { ...box, class: `weight ${kind}`, "fill-opacity": opacity }, title);
      }
      if (size >= 34) {
        const strong = full > 0.55 && kind === "heard" ? " on-strong" : "";
        const at = { x: x + size / 2, y: y + size / 2, "font-size": Math.min(13, size * 0.3) };
        const shown = kind === "edge" ? "–" : text(weight);
        this.cells.put(`text ${link}`, "text", { ...at, class: `note${strong}` }, shown);
      }
    });
    if (chosen !== null) {
      this.cells.put("picked", "rect", { class: "picked-row", x: 32, y: 32 + chosen * size, width: 260, height: size });
    }
    this.cells.show();
  }
}

// @ts-check
// Elements, and pictures that change without being built anew.

const SVG = "http://www.w3.org/2000/svg";
/** Of a unit of the world, in the coordinates of its picture: letters smaller than 1 are drawn badly. */
const SCALE = 100;

/**
 * The element of this name in the page.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
function get(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 */
function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Which of the colours an agent has. @param {number} agent */
function hue(agent) {
  return `hue${agent % 5}`;
}

/** The nodes of a picture, by key. */
class Layer {
  /** @param {Element} parent @param {string} name */
  constructor(parent, name) {
    this.group = document.createElementNS(SVG, "g");
    this.group.setAttribute("class", name);
    parent.append(this.group);
    /** @type {Map<string, SVGElement>} */
    this.nodes = new Map();
    /** @type {Map<string, SVGElement>} */
    this.used = new Map();
  }

  /**
   * Draws an element, over those before it.
   * @param {string} key
   * @param {string} tag
   * @param {Record<string, string | number>} attributes
   * @param {string} [content] its text, or its title
   */
  put(key, tag, attributes, content) {
    const node = this.nodes.get(key) ?? document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) {
      const written = typeof value === "number" ? String(Math.round(value * 10) / 10) : value;
      if (node.getAttribute(name) !== written) node.setAttribute(name, written);
    }
    if (content !== undefined && node.textContent !== content) {
      if (tag === "text") {
        node.textContent = content;
      } else {
        const title = document.createElementNS(SVG, "title");
        title.textContent = content;
        node.replaceChildren(title);
      }
    }
    this.used.set(key, node);
    return node;
  }

  /** Shows what was drawn since the last time, and nothing else. */
  show() {
    for (const [key, node] of this.nodes) if (!this.used.has(key)) node.remove();
    let next = this.group.firstElementChild;
    for (const node of this.used.values()) {
      if (node === next) next = next.nextElementSibling;
      else this.group.insertBefore(node, next);
    }
    [this.nodes, this.used] = [this.used, new Map()];
  }
}

/**
 * A bent arrow between two discs: its line and its tip.
 * @param {Point} from
 * @param {Point} to
 * @param {number} radius of the disc that it comes from
 * @param {number} room of the disc that it goes to
 * @param {number} width of the line
 * @returns {{line: string, tip: string}}
 */
function arrow(from, to, radius, room, width) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy) || 1;
  const bend = Math.min(0.16 * length, 0.6 * room + 0.06 * length);
  const middle = [(from[0] + to[0]) / 2 - (dy / length) * bend, (from[1] + to[1]) / 2 + (dx / length) * bend];
  /** @param {Point} end @param {number} away */
  const towards = (end, away) => {
    const [x, y] = [middle[0] - end[0], middle[1] - end[1]];
    const share = away / (Math.hypot(x, y) || 1);
    return [end[0] + x * share, end[1] + y * share];
  };
  // Between discs that touch, it lies over them.
  const near = Math.min(1.06 * room, 0.2 * length);
  const size = Math.min(2.2 * width + 0.12 * room, 0.5 * length);
  const [start, end, point] = [towards(from, Math.min(radius, 0.2 * length)), towards(to, near + size), towards(to, near)];
  const [ux, uy] = [point[0] - end[0], point[1] - end[1]];
  const side = Math.hypot(ux, uy) || 1;
  const [wx, wy] = [(-uy / side) * size * 0.6, (ux / side) * size * 0.6];
  /** @param {number[]} at */
  const at = (at) => at.map((number) => number.toFixed(1)).join(" ");
  return {
    line: `M${at(start)} Q${at(middle)} ${at(end)}`,
    tip: `M${at(point)} L${at([end[0] + wx, end[1] + wy])} L${at([end[0] - wx, end[1] - wy])} z`,
  };
}

/**
 * Finds the route of a path as a node's framework does: slashes merged, the last one dropped, each
 * segment percent-decoded once (an encoded slash stays inside its segment), fixed names before names in
 * braces and without going back. A path nobody knows has an empty 404, a known path with another method
 * an empty 405 that lists the methods.
 */
import type { Route, RouteMethod } from './context.ts';

/** What a path and method come to. */
export type Found =
  | {
      readonly kind: 'route';
      readonly route: Route;
      readonly params: Readonly<Record<string, string>>;
      readonly query: string;
    }
  | { readonly kind: 'unknown-path' }
  | { readonly kind: 'other-method'; readonly template: string; readonly allow: string };

/** The order in which a node lists the methods of a path. */
const METHOD_ORDER: readonly RouteMethod[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

interface TreeNode {
  readonly fixed: Map<string, TreeNode>;
  named: { readonly name: string; readonly node: TreeNode } | undefined;
  readonly methods: Map<string, Route>;
}

/** Looks routes up. Built once from the table. */
export class Router {
  readonly #root: TreeNode = makeNode();

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
  }

  /** Finds the route; `target` is the path with its query as sent. */
  find(method: string, target: string): Found {
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    const query = mark < 0 ? '' : target.slice(mark + 1);
    const params: Record<string, string> = {};
    let node = this.#root;
    for (const raw of path.split('/')) {
      if (raw === '') continue;
      const segment = decodeSegment(raw);
      const fixed = node.fixed.get(segment);
      if (fixed !== undefined) {
        node = fixed;
      } else if (node.named !== undefined) {
        params[node.named.name] = segment;
        node = node.named.node;
      } else {
        return { kind: 'unknown-path' };
      }
    }
    const route = node.methods.get(method);
    if (route !== undefined) return { kind: 'route', route, params, query };
    const first = node.methods.values().next().value;
    if (first === undefined) return { kind: 'unknown-path' };
    const allow = METHOD_ORDER.filter((name) => node.methods.has(name)).join(', ');
    return { kind: 'other-method', template: first.template, allow };
  }

  #add(route: Route): void {
    let node = this.#root;
    for (const segment of route.template.split('/')) {
      if (segment === '') continue;
      node = segment.startsWith('{') ? namedChild(node, segment) : fixedChild(node, segment);
    }
    node.methods.set(route.method, route);
  }
}

function makeNode(): TreeNode {
  return { fixed: new Map(), named: undefined, methods: new Map() };
}

function fixedChild(node: TreeNode, segment: string): TreeNode {
  const child = node.fixed.get(segment) ?? makeNode();
  node.fixed.set(segment, child);
  return child;
}

function namedChild(node: TreeNode, segment: string): TreeNode {
  node.named ??= { name: segment.slice(1, -1), node: makeNode() };
  return node.named.node;
}

/** Decodes `%xx` where both digits are there, leaves the rest, and replaces what is not UTF-8. */
export function decodeSegment(raw: string): string {
  if (!raw.includes('%')) return raw;
  const bytes: number[] = [];
  const source = Buffer.from(raw, 'utf8');
  for (let at = 0; at < source.length; at += 1) {
    const byte = source[at] ?? 0;
    const pair = byte === 0x25 ? source.toString('latin1', at + 1, at + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(pair)) {
      bytes.push(Number.parseInt(pair, 16));
      at += 2;
    } else {
      bytes.push(byte);
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

/** Ways to break the merge, each one rule of it, as changes to the compiled code. */
import type { Patch } from '../../../kit/patch-hook.ts';

/** A broken rule, and where it must be noticed. */
export interface Mutant extends Patch {
  readonly name: string;
  /** The recorded cases, or the file of tests below test/ that must turn red. */
  readonly by: 'recorded' | string;
}

type Change = Omit<Mutant, 'file' | 'by'> & { readonly by?: string };

const inFile = (name: string, changes: readonly Change[], folder = 'ranking'): Mutant[] =>
  changes.map((change) => ({ by: 'recorded', ...change, file: `core/${folder}/${name}.js` }));

const MERGE = 'prop/core/ranking/merge.test.js';
const RULES = 'unit/core/ranking/merge-rules.test.js';
const OPEN = 'prop/core/ranking/open-distinct.test.js';
const PARTS = 'unit/core/ranking/list-parts.test.js';
const FACETS = 'prop/core/ranking/facets.test.js';
const SPELLINGS = 'unit/core/ranking/spelling.test.js';
const FILTERS = 'prop/core/filter/parse.test.js';

const order: readonly Mutant[] = [
  ...inFile('compare', [
    {
      name: 'ranks compare by their first number alone',
      find: 'descending(left.first, right.first) || descending(left.second, right.second)',
      replace: 'descending(left.first, right.first)',
    },
    {
      name: 'ranks are equal',
      find: 'descending(left.first, right.first) || descending(left.second, right.second)',
      replace: '0',
    },
    {
      name: 'null sorts first',
      find: 'return left.valueKind - right.valueKind;',
      replace: 'return right.valueKind - left.valueKind;',
    },
    {
      name: 'numbers and texts sort alike',
      find: 'if (left.valueKind !== right.valueKind)',
      replace: 'if (left.valueKind === 2 || right.valueKind === 2)',
      by: MERGE,
    },
    {
      name: 'texts sort by UTF-16',
      find: 'compareUtf8(left.text, right.text)',
      replace: '(left.text < right.text ? -1 : left.text > right.text ? 1 : 0)',
      by: MERGE,
    },
    {
      name: 'descending sorts ascend',
      find: 'return left.isAscending ? order : -order;',
      replace: 'return order;',
    },
    {
      name: '-0 is 0',
      find: 'return (Object.is(left, -0) ? 1 : 0) - (Object.is(right, -0) ? 1 : 0);',
      replace: 'return 0;',
      by: MERGE,
    },
    {
      name: 'nearest vectors come last',
      find: 'return descending(left.first, right.first);',
      replace: 'return descending(right.first, left.first);',
    },
  ]),
  ...inFile('details', [
    {
      name: 'typos compare by ratio',
      find: 'rule.first = -rule.first;',
      replace: 'rule.first = rule.score;',
      by: MERGE,
    },
    {
      name: 'proximity and the like are not read',
      find: 'rule.first = rule.score;',
      replace: '',
    },
  ]),
  ...inFile('hits', [
    {
      name: 'ties stand in the order of nodes',
      find: 'compareByRules(left, right) || compareVersions(left, right) || left.source',
      replace: 'compareByRules(left, right) || left.source',
      by: MERGE,
    },
  ]),
  ...inFile('heads', [
    { name: 'the worst head goes first', find: 'if (order < 0 ||', replace: 'if (order > 0 ||' },
  ]),
  ...inFile('geo', [
    {
      name: 'geo ascending is reversed',
      find: 'if (!isAscending)',
      replace: 'if (isAscending)',
    },
    {
      name: 'points of one metre do not share a bucket',
      find: '<= MARGIN_METRES',
      replace: '< 0',
    },
  ]),
  ...inFile('merge-lists', [
    {
      name: 'keyword hits stay in the semantic half',
      find: "purpose === 'semantic' ? isSemantic : () => true",
      replace: '() => true',
      by: RULES,
    },
    {
      name: 'geo buckets stay those of the nodes',
      find: 'if (!this.#plan.hasGeoSort)',
      replace: 'if (true)',
      by: RULES,
    },
  ]),
];

const totals: readonly Mutant[] = [
  ...inFile('merge-lists', [
    {
      name: 'totals are those of the largest node',
      find: 'answers.reduce((sum, answer) => sum + answer.total, 0)',
      replace: 'answers.reduce((sum, answer) => Math.max(sum, answer.total), 0)',
    },
  ]),
  ...inFile('merge-search', [
    {
      name: 'the window begins at the first hit',
      find: 'ranked.hits.slice(this.#window.start, this.#window.end)',
      replace: 'ranked.hits.slice(0, this.#window.end)',
    },
    {
      name: 'a page that is not full does not count',
      find: 'Math.ceil(total / window.limit)',
      replace: 'Math.floor(total / window.limit)',
    },
    {
      name: 'the total under a threshold is always the sum',
      find: 'return counted.length > 0 ? counted : ranked.from;',
      replace: 'return ranked.from;',
    },
    {
      name: 'the total under distinct counts every candidate',
      find: '? exhaustiveDistinctTotal(candidates, counts)',
      replace: '? candidates',
    },
    {
      name: 'an estimate under distinct is exhaustive',
      find: ': estimatedDistinctTotal(candidates, counts, filter)',
      replace: ': exhaustiveDistinctTotal(candidates, counts)',
    },
  ]),
  ...inFile('similar', [
    {
      name: 'the total is not capped',
      find: 'Math.min(firstBelow ?? candidates, plan.hitsTotalMax)',
      replace: 'candidates',
    },
    {
      name: 'a threshold takes nothing off similar documents',
      find: 'if (hits.length >= window.start && isBelow(hit, plan))',
      replace: 'if (false)',
      by: SPELLINGS,
    },
    {
      name: 'the document is similar to itself',
      find: 'if (isDocument(hit, plan))',
      replace: 'if (false)',
    },
    {
      name: 'documents without a vector are similar',
      find: 'return rule === undefined || rule.first >= 0;',
      replace: 'return true;',
    },
  ]),
  ...inFile('documents', [
    {
      name: 'lists of documents begin at the first',
      find: 'if (plan.sort.length === 0) return mergeHeads(lists, compareHits, end).slice(plan.offset);',
      replace: 'if (plan.sort.length === 0) return mergeHeads(lists, compareHits, end);',
    },
  ]),
];

const distinct: readonly Mutant[] = [
  ...inFile('list-parts', [
    {
      name: 'a list ends where a node shows no more at once',
      find: 'const isCut = last.hits.length >= this.#hitsMax;',
      replace: 'const isCut = false;',
      by: PARTS,
    },
  ]),
  ...inFile('merge-lists', [
    {
      name: 'what a node dropped for a hit that does not survive stays away',
      find: 'open.length === 0 && isInexact ? this.#deeper() : undefined',
      replace: 'undefined',
      by: OPEN,
    },
    {
      name: 'distinct is not applied once more',
      find: 'if (filter === undefined || filter.accepts(hit))',
      replace: 'if (filter === undefined || filter.accepts(hit) || true)',
    },
  ]),
  ...inFile('distinct', [
    {
      name: 'distinct values compare by spelling',
      find: 'textKey(normalizeFacet(decodeString(hit.bytes, start, end)))',
      replace: 'textKey(decodeString(hit.bytes, start, end))',
      by: MERGE,
    },
  ]),
];

const facets: readonly Mutant[] = [
  ...inFile('facets', [
    {
      name: 'facet values are joined by displayed spelling',
      find: 'isNumber ? shown : normalizeFacet(shown)',
      replace: 'shown',
    },
    {
      name: 'facet counts are those of one node',
      find: 'known.count += count;',
      replace: ';',
    },
    {
      name: 'facets are not cut',
      find: 'const room = Math.max(0, rules.valuesMax - shown.size);',
      replace: 'const room = Infinity;',
    },
    {
      name: 'count order is alpha order',
      find: "const isCount = rules.order === 'count';",
      replace: 'const isCount = false;',
      by: FACETS,
    },
    {
      name: 'facet values that are numbers sort as numbers',
      find: 'numbers.sort((left, right) => compareUtf8(left.shown, right.shown));',
      replace: 'numbers.sort((left, right) => Number(left.shown) - Number(right.shown));',
    },
    {
      name: 'the smallest number is that of the first node',
      find: 'if (compareNumbers(stat.min, known.min) < 0)',
      replace: 'if (false)',
    },
    {
      name: 'facets show internal fields',
      find: 'if (members.hasPrefix(RESERVED_PREFIX)) continue; const name',
      replace: 'const name',
      by: FACETS,
    },
  ]),
  ...inFile('facet-search', [
    {
      name: 'facet hits are counted on one node',
      find: 'known.count += hit.count;',
      replace: ';',
    },
  ]),
  ...inFile('spelling', [
    {
      name: 'the youngest document spells a facet value',
      find: 'compareVersions(hit, oldest) >= 0',
      replace: 'compareVersions(hit, oldest) <= 0',
      by: SPELLINGS,
    },
  ]),
];

const filters: readonly Mutant[] = [
  ...inFile(
    'primary-keys',
    [
      {
        name: 'one alternative pins the keys of all',
        find: 'return union(filter.parts',
        replace: 'return smallest(filter.parts',
        by: FILTERS,
      },
      {
        name: 'a key is found in one case of letters only',
        find: 'if (!isWhole && !isPlain)',
        replace: 'if (false)',
        by: FILTERS,
      },
    ],
    'filter',
  ),
  ...inFile(
    'parse',
    [
      {
        name: '!= is =',
        find: "operator.text === '=' ?",
        replace: "operator.text.endsWith('=') ?",
        by: FILTERS,
      },
      {
        name: 'OR binds as AND does',
        find: "this.#chain('OR', 'or', () => this.#and(depth))",
        replace: "this.#chain('OR', 'and', () => this.#and(depth))",
        by: FILTERS,
      },
    ],
    'filter',
  ),
  ...inFile(
    'not-equal',
    [
      {
        name: 'only the first != is rewritten',
        find: "from = operatorStart + '!='.length;",
        replace: "from = operatorStart + '!='.length; break;",
        by: FILTERS,
      },
    ],
    'filter',
  ),
];

const shown: readonly Mutant[] = [
  ...inFile('write-hit', [
    {
      name: 'hits show internal fields',
      find: "if (members.hasPrefix(RESERVED_PREFIX)) return 'drop';",
      replace: '',
    },
    {
      name: 'score details show the version rule',
      find: 'if (rule.kind === RULE_VERSION)',
      replace: 'if (false)',
      by: RULES,
    },
    {
      name: 'scores are shown unasked',
      find: "return projection.keepsDetails ? 'details' : 'drop';",
      replace: "return 'details';",
    },
  ]),
  ...inFile('projection', [
    {
      name: 'fields that are not displayed are shown',
      find: "!displayed.includes('*') ? displayed : undefined",
      replace: 'false ? displayed : undefined',
    },
    {
      name: 'fields that were not asked for are shown',
      find: "if (!isTextArray(wanted) || wanted.includes('*'))",
      replace: 'if (true)',
    },
  ]),
  ...inFile('hybrid', [
    {
      name: 'keywords are always good enough',
      find: 'keyword.every((hit) => hit.score * weight >= GOOD_ENOUGH)',
      replace: 'true',
    },
    {
      name: 'the keyword half goes first among equals',
      find: 'scoreWins) <= 0',
      replace: 'scoreWins) < 0',
      by: RULES,
    },
    {
      name: 'a document of both halves shows twice',
      find: 'if (seen.has(id))',
      replace: 'if (false)',
      by: RULES,
    },
  ]),
];

/** All of them. */
export const MUTANTS: readonly Mutant[] = [
  ...order,
  ...totals,
  ...distinct,
  ...facets,
  ...filters,
  ...shown,
];

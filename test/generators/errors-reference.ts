/** docs/reference/errors.md, made from the one table of errors. */
import { ERRORS } from '../../core/errors.ts';

/** The whole page. */
export function errorsReference(): string {
  const rows = Object.entries(ERRORS).map(([code, row]) => ({ code, ...row }));
  const own = rows.filter(({ code }) => code.startsWith('miroir_'));
  const others = rows.filter(({ code }) => !code.startsWith('miroir_'));
  return `${[
    '# Errors',
    '',
    'Made from `core/errors.ts` by `npm run gen`; do not edit.',
    '',
    'Every error has Meilisearch\'s shape: `{"message", "code", "type", "link"}`. An error that a node made',
    'passes as the node wrote it, without internal names. The codes below are those the gateway itself answers with.',
    '',
    '## Codes of Miroir',
    '',
    ...own.flatMap(({ code, status, type, ...row }) => [
      `### ${code}`,
      '',
      `\`${code}\`, status ${status}, type \`${type}\`. ${'meaning' in row ? row.meaning : ''}`,
      '',
    ]),
    '## Codes of Meilisearch',
    '',
    'They mean what they mean there; each answer links to its page.',
    '',
    '| code | status | type |',
    '|---|---|---|',
    ...others.map(({ code, status, type }) => `| \`${code}\` | ${status} | \`${type}\` |`),
  ].join('\n')}\n`;
}

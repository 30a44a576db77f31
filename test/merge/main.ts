/**
 * `npm run merge-check -- DIR`: the real merge code over recorded cases, one node against three.
 * Prints every failing case, the counts of each class, and `N passed, N failed`.
 */
import { checkFolder } from './check.ts';

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: npm run merge-check -- DIR');
  process.exit(1);
}
const result = checkFolder(folder);
for (const failure of result.failures) console.log(failure);
for (const [name, count] of [...result.classes].sort(([left], [right]) =>
  left < right ? -1 : 1,
)) {
  console.log(`${name}: ${count.passed} passed, ${count.failed} failed`);
}
console.log(`${result.passed} passed, ${result.failed} failed`);
// A folder without cases proves nothing.
process.exit(result.failed === 0 && result.passed > 0 ? 0 : 1);

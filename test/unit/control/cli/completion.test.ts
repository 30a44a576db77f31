/**
 * Goal: completion offers what the program knows, at the place the cursor is, in shells that are here.
 * Method: the script is sourced by the real shell, which is then asked.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { completionScript, type Shell } from '../../../../control/cli/completion.ts';
import { buildProgram } from '../../../../control/cli/program.ts';
import { suite } from '../../../kit/suite.ts';
import { emptyFolder } from './fake-io.ts';

const { test, testUnless, run } = suite('cli completion');
const program = buildProgram(() => async () => {});
const folder = emptyFolder();

function scriptFile(shell: Shell): string {
  const file = join(folder, `completion.${shell}`);
  writeFileSync(file, completionScript(program, shell));
  return file;
}

function without(shell: string): string | undefined {
  return spawnSync(shell, ['-c', 'true']).status === 0 ? undefined : `${shell} is not installed`;
}

/** Runs a script; it must say nothing on stderr. */
function ask(shell: string, args: readonly string[]): string[] {
  const { stdout, stderr, status } = spawnSync(shell, args, { encoding: 'utf8', cwd: folder });
  assert.is(stderr, '');
  assert.is(status, 0);
  return stdout.split(/\s+/).filter((word) => word !== '');
}

const LINES: readonly [words: readonly string[], offered: readonly string[]][] = [
  [['no'], ['nodes']],
  [
    ['nodes', ''],
    ['list', 'add', 'update', 'remove', 'drain'],
  ],
  [['-o', 'json', 'jobs', 'st'], ['start']],
  [
    ['jobs', 'start', ''],
    ['recovery', 'backup'],
  ],
  [
    ['-o', ''],
    ['table', 'wide', 'json', 'yaml'],
  ],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['--control', 'nodes', 'gr'], ['groups']],
  [['tasks', '--status', 'fa'], ['failed']],
  [['nodes', 'remove', '--y'], ['--yes']],
  [['tasks', '--old'], ['--oldest-first']],
];

testUnless(without('bash'), 'bash', () => {
  const file = scriptFile('bash');
  for (const [words, offered] of LINES) {
    const line = ['miroirctl', ...words].map((word) => `'${word}'`).join(' ');
    const script = `source ${file}; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _miroirctl; echo "\${COMPREPLY[@]}"`;
    assert.equal(ask('bash', ['--norc', '-c', script]), offered, line);
  }
});

testUnless(without('fish'), 'fish', () => {
  const file = scriptFile('fish');
  for (const [words, offered] of LINES) {
    const line = ['miroirctl', ...words].join(' ');
    const script = `source ${file}; complete -C '${line}' | string split -f1 \\t; true`;
    assert.equal(ask('fish', ['--no-config', '-c', script]).sort(), [...offered].sort(), line);
  }
});

testUnless(without('zsh'), 'zsh', () => {
  const file = scriptFile('zsh');
  for (const [words, offered] of LINES) {
    const line = ['miroirctl', ...words].map((word) => `'${word}'`).join(' ');
    // What zsh's own functions would be handed; it filters by the word typed itself.
    const script = `compdef() { }; source ${file}; CURRENT=${words.length + 1}; words=(${line})
_describe() { local word; for word in "\${(@P)2}"; do echo "\${word%%:*}"; done }
compadd() { shift; print -l -- "$@"; }
_miroirctl`;
    const typed = words.at(-1) ?? '';
    const given = ask('zsh', ['-f', '-c', script]).filter((word) => word.startsWith(typed));
    assert.equal(given, offered, line);
  }
});

test('every command is in every script', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = completionScript(program, shell);
    for (const command of program.commands) {
      assert.match(script, command.name());
      for (const child of command.commands)
        assert.match(script, `${command.name()} ${child.name()}`);
    }
  }
});

run();

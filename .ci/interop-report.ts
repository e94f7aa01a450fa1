import { stripVTControlCharacters } from 'node:util';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

declare module 'vitest' {
  interface TaskMeta {
    /** What a row measured. */
    figures?: string;
  }
}

const peers = /strongSwan|tshark|FreeRADIUS|eapol_test/;

/** Lists the interoperation rows that ran, says which of them had no foreign peer, and closes with the counts. */
export default class InteropReport implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const rows = tests.filter((test) => test.project.name === 'interop');
    if (rows.length > 0) console.log('\nInteroperation rows:');
    for (const row of rows) {
      console.log(`  ${mark(row)} ${row.fullName}${foreign(row)}`);
      const { figures } = row.meta();
      if (figures !== undefined) console.log(`           ${figures}`);
      for (const reason of reasons(row)) console.log(`           ${reason}`);
    }
    const count = (state: string): number =>
      tests.filter((test) => test.result().state === state).length;
    // A file that fails to load has no test that could fail.
    const broken = modules.filter(
      (module) => !module.ok() && [...module.children.allTests('failed')].length === 0,
    );
    console.log(
      `\n${count('passed')} passed, ${count('failed') + broken.length} failed, ${count('skipped')} skipped`,
    );
  }
}

function mark(test: TestCase): string {
  const states: Record<string, string> = { passed: 'ran   ', failed: 'FAILED', skipped: 'skipped' };
  return states[test.result().state] ?? test.result().state;
}

/** Why a row failed, a line each: whoever reads only this list learns it too. */
function reasons(test: TestCase): readonly string[] {
  const errors = test.result().errors ?? [];
  return errors.map(({ message }) =>
    stripVTControlCharacters(message).replace(/\s+/g, ' ').slice(0, 600),
  );
}

function foreign(test: TestCase): string {
  return peers.test(test.fullName) && !test.name.includes('ours as both')
    ? ''
    : ' (ours with ours only)';
}

import { exitCodeFor } from './exit-codes.ts';
import type { PkiRequest } from './pki/pki-commands.ts';
import { printFailure } from './printer.ts';

/** `ipsec-kit pki`: makes certificates and says what was made. @returns the exit code. */
export async function pkiCommand(request: PkiRequest): Promise<number> {
  try {
    // Loaded when it is needed: the other commands have no use for it.
    const { runPki } = await import('./pki/run-pki.ts');
    for (const line of await runPki(request, Date.now())) process.stdout.write(`${line}\n`);
    return 0;
  } catch (error) {
    printFailure(error instanceof Error ? error.message : String(error));
    return exitCodeFor(error);
  }
}

import { exitCodeFor } from './exit-codes.ts';
import { printFailure } from './printer.ts';
import type { ProfileRequest } from './profile/profile-commands.ts';

/** `ipsec-kit profile`: the profile, or where it went, on stdout, remarks on stderr. @returns the exit code. */
export async function profileCommand(request: ProfileRequest): Promise<number> {
  try {
    // Loaded when it is needed: the other commands have no use for it.
    const { runProfile } = await import('./profile/run-profile.ts');
    const { text, notes } = await runProfile(request);
    process.stdout.write(text);
    for (const note of notes) printFailure(note);
    return 0;
  } catch (error) {
    printFailure(error instanceof Error ? error.message : String(error));
    return exitCodeFor(error);
  }
}

import {
  type CloseOptions,
  openControlSocket,
  type RevalidationReport,
  type RevalidationRequest,
  type SessionRequest,
  VpnError,
  type VpnStatus,
} from '@ipsec-kit/vpn';
import { ExitCode, exitCodeFor } from './exit-codes.ts';
import type { Printer } from './printer.ts';
import { listenForStop } from './stop-signals.ts';

/** A client or a server, as far as staying in the foreground is concerned. */
export interface Tunnel {
  open(): Promise<void>;
  readonly ended: Promise<VpnError | undefined>;
  status(): VpnStatus;
  perform(request: SessionRequest): Promise<string>;
  revalidate(request: RevalidationRequest): Promise<RevalidationReport>;
  close(options?: CloseOptions): Promise<void>;
}

/** Runs a tunnel until it ends, a signal comes, or `disconnect` is said on its control socket.
 * The first signal closes gracefully, the second without waiting for the peer, the third leaves everything as it is.
 * @returns the exit code; the reason is printed by then.
 * @throws VpnError when the control socket cannot be opened: nothing has happened then.
 */
export async function runInForeground(
  tunnel: Tunnel,
  controlPath: string,
  printer: Printer,
): Promise<number> {
  const control = await openControlSocket(controlPath, {
    status: () => tunnel.status(),
    disconnect: () => tunnel.close(),
    perform: (request) => tunnel.perform(request),
    revalidate: (request) => tunnel.revalidate(request),
  });
  printer.event({ kind: 'control-opened', path: control.path });
  printer.listen((event) => control.publish(event));

  let signals = 0;
  const stopListening = listenForStop((count) => {
    signals = count;
    if (count > 2) process.exit(ExitCode.forced);
    void tunnel.close(count > 1 ? { patienceMs: 0 } : {});
  });
  const onDefect = (error: unknown): void => {
    printer.failure(`A defect of this program: ${defectText(error)}. Please report it.`);
    void tunnel.close({ patienceMs: 0 }).finally(() => process.exit(ExitCode.internal));
  };
  process.on('uncaughtException', onDefect);
  process.on('unhandledRejection', onDefect);
  try {
    const reason = await lifeOf(tunnel);
    if (signals > 1) return ExitCode.forced;
    if (!reason || reason.code === 'closed-by-user') return ExitCode.ok;
    printer.failure(reason.message);
    return exitCodeFor(reason);
  } finally {
    stopListening();
    await control.close();
    process.off('uncaughtException', onDefect);
    process.off('unhandledRejection', onDefect);
  }
}

/** From opening to the end. @returns why it ended; nothing when it was asked to. */
async function lifeOf(tunnel: Tunnel): Promise<VpnError | undefined> {
  try {
    await tunnel.open();
  } catch (error) {
    if (error instanceof VpnError) return error;
    return new VpnError('internal', `A defect of this program: ${defectText(error)}.`, error);
  }
  return tunnel.ended;
}

function defectText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0]?.replace(/\.$/, '') ?? '';
}

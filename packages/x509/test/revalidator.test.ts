import { type Instant, instantFromMs } from '@ipsec-kit/clock';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  type Certificate,
  type CertificateVerdict,
  createCertificateValidator,
  createRevalidator,
  type RevalidationPolicy,
  type Revalidator,
  type RevalidatorInput,
  type RevalidatorOptions,
  type RevalidatorOutput,
  type RevocationList,
  readRevocationList,
} from '@ipsec-kit/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { basicConstraints, DAY, issue, issueList, keyUsage, makeKey, T0 } from './authority.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A revalidator in virtual time; the clock of deadlines and that of dates differ by a constant. */
class Watchman {
  readonly machine: Revalidator;
  atMs = T0 + DAY;

  constructor(options: RevalidatorOptions = {}) {
    this.machine = createRevalidator(options);
  }

  get now(): Instant {
    return instantFromMs(this.atMs - T0 + 77);
  }

  tell<T extends RevalidatorInput extends infer I ? Omit<I & object, 'now' | 'atMs'> : never>(
    input: T,
  ): readonly RevalidatorOutput[] {
    return this.machine.handle({ ...input, now: this.now, atMs: this.atMs } as RevalidatorInput);
  }

  /** Goes to the next deadline. */
  wake(): readonly RevalidatorOutput[] {
    const deadline = this.machine.nextDeadline();
    if (deadline === undefined) throw new Error('no deadline');
    this.atMs += Math.max(0, deadline.at - this.now);
    return this.tell({ kind: 'timeout' });
  }

  open(session: string, validUntilMs: number, isProven = true): readonly RevalidatorOutput[] {
    return this.tell({ kind: 'opened', session, validUntilMs, isProven });
  }

  answer(
    outputs: readonly RevalidatorOutput[],
    verdict?: CertificateVerdict,
  ): readonly RevalidatorOutput[] {
    return outputs.flatMap((output) =>
      output.kind === 'check'
        ? this.tell({ kind: 'checked', check: output.check, ...(verdict ? { verdict } : {}) })
        : [],
    );
  }
}

let root: Certificate;
const rootKey = makeKey();
const leafKey = makeKey();
const CA = [basicConstraints(true), keyUsage(0x06)];
const issueLeaf = (serial: number): Promise<Certificate> =>
  issue({ subject: `peer-${serial}`, issuer: 'root', key: leafKey, by: rootKey, serial });

async function listOf(serials: readonly number[], fromMs: number): Promise<RevocationList> {
  const wish = { issuer: 'root', by: rootKey, serials, fromMs, toMs: fromMs + DAY };
  const result = readRevocationList(await issueList(wish));
  if (!result.ok) throw new Error(result.code);
  return result.list;
}

const failed = (code: 'revoked' | 'expired' | 'revocation-unknown' | 'unknown-issuer') =>
  ({ ok: false, code, sentence: `It is ${code}.` }) as const;

function good(validUntilMs: number): CertificateVerdict {
  const names = { subject: root.subject, altNames: [], keyIds: [] };
  return { ok: true, certificate: root, names, path: [root], validUntilMs, unproven: [] };
}

beforeAll(async () => {
  root = await issue({
    subject: 'root',
    issuer: 'root',
    key: rootKey,
    by: rootKey,
    extensions: CA,
  });
});

describe('revalidation without reauthentication (RFC 5280 §6.3)', () => {
  it('ends exactly the session, of a hundred, whose certificate has been revoked', async () => {
    const validator = createCertificateValidator(createNodeSignatures(), createNodeProvider());
    const watchman = new Watchman();
    let list = await listOf([], watchman.atMs);
    const leaves = await Promise.all(Array.from({ length: 100 }, (_, i) => issueLeaf(i + 1)));
    const judge = (session: string): Promise<CertificateVerdict> =>
      validator.check({
        offered: [leaves[Number(session)]?.der ?? new Uint8Array(0)],
        anchors: [root],
        lists: [list],
        revocation: 'hard',
        purpose: 'any',
        policy: { acceptSha1: false, minimumRsaBits: 2048 },
        atMs: watchman.atMs,
      });
    for (const session of leaves.keys()) {
      const verdict = await judge(String(session));
      if (!verdict.ok) throw new Error(verdict.sentence);
      watchman.open(String(session), verdict.validUntilMs);
    }
    watchman.atMs += HOUR;
    list = await listOf([42], watchman.atMs);
    const queue = [...watchman.tell({ kind: 'revalidate' })];
    const seen: RevalidatorOutput[] = [];
    let running = 0;
    for (let next = queue.shift(); next; next = queue.shift()) {
      seen.push(next);
      if (next.kind !== 'check') continue;
      running = queue.filter(({ kind }) => kind === 'check').length + 1;
      expect(running).toBeLessThanOrEqual(8);
      expect(next).toMatchObject({ reason: 'command', freshSince: watchman.now });
      const verdict = await judge(next.session);
      queue.push(...watchman.tell({ kind: 'checked', check: next.check, verdict }));
    }
    expect(seen.filter(({ kind }) => kind === 'check')).toHaveLength(100);
    const standings = seen.flatMap((output) =>
      output.kind === 'verdict' ? [`${output.session} ${output.standing} ${output.action}`] : [],
    );
    expect(standings).toHaveLength(100);
    expect(standings.filter((one) => !one.endsWith(' good none'))).toEqual(['41 revoked close']);
    expect(seen.filter(({ kind }) => kind === 'close')).toEqual([
      { kind: 'close', session: '41', standing: 'revoked' },
    ]);
    expect(watchman.machine.watched).toBe(99);
  });

  it('looks again when the evidence runs out, and not before', () => {
    const watchman = new Watchman();
    const end = watchman.atMs + HOUR;
    expect(watchman.open('a', end)).toEqual([]);
    expect(watchman.tell({ kind: 'timeout' })).toEqual([]);
    const outputs = watchman.wake();
    expect(watchman.atMs).toBe(end + 1);
    expect(outputs).toEqual([
      {
        kind: 'check',
        check: 1,
        session: 'a',
        reason: 'evidence-expired',
      },
    ]);
    expect(watchman.answer(outputs, good(end + HOUR))).toEqual([
      {
        kind: 'verdict',
        session: 'a',
        reason: 'evidence-expired',
        standing: 'good',
        isNews: false,
        action: 'none',
      },
    ]);
    watchman.wake();
    expect(watchman.atMs).toBe(end + HOUR + 1);
  });

  it('closes at the end of a certificate', () => {
    const watchman = new Watchman();
    watchman.open('a', watchman.atMs + HOUR);
    expect(watchman.answer(watchman.wake(), failed('expired'))).toMatchObject([
      { kind: 'verdict', standing: 'expired', action: 'close', sentence: 'It is expired.' },
      { kind: 'close', session: 'a' },
    ]);
    expect(watchman.machine.nextDeadline()).toBeUndefined();
  });

  it('looks on a rekey, on a timer, and at once at what was not proven when it opened', () => {
    const watchman = new Watchman({ intervalMs: 10 * MINUTE });
    const opened = watchman.open('a', T0 + 300 * DAY, false);
    expect(opened).toMatchObject([{ kind: 'check', reason: 'deferred' }]);
    watchman.answer(opened, good(T0 + 300 * DAY));
    const rekeyed = watchman.tell({ kind: 'rekeyed', session: 'a' });
    expect(rekeyed).toMatchObject([{ kind: 'check', reason: 'rekey' }]);
    watchman.answer(rekeyed, good(T0 + 300 * DAY));
    const before = watchman.atMs;
    expect(watchman.wake()).toMatchObject([{ kind: 'check', reason: 'timer' }]);
    expect(watchman.atMs - before).toBe(10 * MINUTE);
  });

  it('alerts and asks again every minute while a CA cannot be asked, and tells when it is good again', () => {
    const watchman = new Watchman();
    let outputs = watchman.open('a', 0, false);
    for (let minute = 0; minute < 3; minute += 1) {
      const verdicts = watchman.answer(outputs, failed('revocation-unknown'));
      expect(verdicts).toMatchObject([
        { kind: 'verdict', standing: 'unknown', action: 'alert', isNews: minute === 0 },
      ]);
      const before = watchman.atMs;
      outputs = watchman.wake();
      expect(watchman.atMs - before).toBe(MINUTE);
      expect(outputs).toMatchObject([{ kind: 'check', reason: 'retry' }]);
    }
    expect(watchman.answer(outputs, good(T0 + 300 * DAY))).toMatchObject([
      { standing: 'good', isNews: true, action: 'none' },
    ]);
  });

  it('a path that was taken without evidence (soft) is unknown, not good', () => {
    const watchman = new Watchman();
    const verdict = good(T0 + 300 * DAY);
    const unproven = [{ certificate: root, issuer: root }];
    const outputs = watchman.open('a', 0, false);
    const soft = verdict.ok ? { ...verdict, unproven } : verdict;
    expect(watchman.answer(outputs, soft)).toMatchObject([{ standing: 'unknown' }]);
  });

  it('gives grace once: it ends, however often it is asked again, unless it is good by then', () => {
    const policy: RevalidationPolicy = {
      revoked: { kind: 'close' },
      expired: { kind: 'grace', graceMs: 150_000 },
      unknown: { kind: 'alert' },
      untrusted: { kind: 'close' },
    };
    for (const isSaved of [true, false]) {
      const watchman = new Watchman({ policy });
      watchman.open('a', watchman.atMs + HOUR);
      const first = watchman.answer(watchman.wake(), failed('expired'));
      const graceUntilMs = watchman.atMs + 150_000;
      expect(first).toMatchObject([{ kind: 'verdict', action: 'grace', graceUntilMs }]);
      const second = watchman.answer(watchman.wake(), failed('expired'));
      expect(second).toMatchObject([{ kind: 'verdict', action: 'grace', graceUntilMs }]);
      const third = watchman.wake();
      if (isSaved) {
        expect(watchman.answer(third, good(T0 + 300 * DAY))).toMatchObject([{ action: 'none' }]);
        watchman.wake();
        expect(watchman.atMs).toBe(T0 + 300 * DAY + 1);
      } else {
        expect(watchman.answer(third, failed('expired'))).toMatchObject([{ action: 'grace' }]);
        expect(watchman.wake()).toEqual([{ kind: 'close', session: 'a', standing: 'expired' }]);
        expect(watchman.atMs).toBe(graceUntilMs);
      }
    }
  });

  it('a CA that is trusted no longer closes; another policy alerts', () => {
    const watchman = new Watchman();
    watchman.open('a', T0 + 300 * DAY);
    const outputs = watchman.tell({ kind: 'revalidate', sessions: ['a', 'nobody'] });
    expect(watchman.answer(outputs, failed('unknown-issuer'))).toMatchObject([
      { standing: 'untrusted' },
      { kind: 'close', session: 'a' },
    ]);
  });

  it('a check that hangs is unknown after its time, and its late answer is ignored', () => {
    const watchman = new Watchman({ checkTimeoutMs: 5_000 });
    watchman.open('a', T0 + 300 * DAY);
    const [check] = watchman.tell({ kind: 'revalidate' });
    const outputs = watchman.wake();
    expect(outputs).toMatchObject([{ kind: 'verdict', standing: 'unknown', action: 'alert' }]);
    expect(check && watchman.answer([check], failed('revoked'))).toEqual([]);
  });

  it('a command during a check is a check of its own: the evidence of the first may be old', () => {
    const watchman = new Watchman();
    const first = watchman.open('a', 0, false);
    expect(watchman.tell({ kind: 'revalidate' })).toEqual([]);
    expect(watchman.tell({ kind: 'rekeyed', session: 'a' })).toEqual([]);
    const next = watchman.answer(first, good(T0 + 300 * DAY));
    expect(next).toMatchObject([{ kind: 'verdict' }, { kind: 'check', reason: 'command' }]);
    expect(watchman.answer(next, failed('revoked'))).toMatchObject([
      { standing: 'revoked' },
      { kind: 'close' },
    ]);
  });

  it('forgets a session that is closed, with its check', () => {
    const watchman = new Watchman();
    const outputs = watchman.open('a', 0, false);
    watchman.tell({ kind: 'closed', session: 'a' });
    expect(watchman.answer(outputs, failed('revoked'))).toEqual([]);
    expect(watchman.machine.watched).toBe(0);
    expect(watchman.machine.nextDeadline()).toBeUndefined();
  });

  it('evidence that is always about to end is looked at once a second at most', () => {
    const watchman = new Watchman();
    watchman.open('a', watchman.atMs);
    for (let i = 0; i < 5; i += 1) {
      const before = watchman.atMs;
      const outputs = watchman.wake();
      expect(watchman.atMs - before).toBe(1_000);
      watchman.answer(outputs, good(watchman.atMs));
    }
  });

  it('throws on settings that would make it spin or stand still', () => {
    expect(() => createRevalidator({ retryMs: 0 })).toThrow(
      '"retryMs" expected 1000 or more, got 0',
    );
    expect(() => createRevalidator({ parallelChecks: 0 })).toThrow('"parallelChecks"');
    expect(() => createRevalidator({ intervalMs: Number.NaN })).toThrow('"intervalMs"');
  });
});

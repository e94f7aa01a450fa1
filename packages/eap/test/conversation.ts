import { type CryptoProvider, createSeededRandom, KeyMaterial } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import {
  createEapAuthenticator,
  createEapPeer,
  type EapAnswer,
  type EapAuthenticatorOptions,
  type EapAuthenticatorOutput,
  type EapPeerOptions,
  type EapPeerOutput,
  type EapWork,
} from '@ipsec-kit/eap';

export const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));
export const hex = (digits: string): Uint8Array =>
  Uint8Array.from(Buffer.from(digits.replace(/\s+/g, ''), 'hex'));
export const secret = (value: string): KeyMaterial => new KeyMaterial(text(value));
export const crypto: CryptoProvider = createNobleProvider();

/** Answers both ends from a table of users. */
export function answerFrom(users: Readonly<Record<string, string>>): (work: EapWork) => EapAnswer {
  const passwordOf = (user: Uint8Array) => users[Buffer.from(user).toString()];
  return (work) => {
    switch (work.kind) {
      case 'password': {
        const password = passwordOf(work.user);
        return password === undefined
          ? { kind: 'password' }
          : { kind: 'password', password: secret(password) };
      }
      case 'check-password':
        return {
          kind: 'check-password',
          isRight: Buffer.from(work.password.reveal()).toString() === passwordOf(work.user),
        };
      case 'token':
        return { kind: 'token', token: secret(users.token ?? '') };
      default:
        return { kind: 'failed' };
    }
  };
}

interface Setup {
  readonly peer: Pick<EapPeerOptions, 'methods'> & { readonly identity: string };
  readonly authenticator: Pick<EapAuthenticatorOptions, 'methods' | 'methodsFor' | 'identity'>;
  readonly answerPeer: (work: EapWork) => EapAnswer;
  readonly answerAuthenticator: (work: EapWork) => EapAnswer;
  /** Changes a packet on its way. */
  readonly onWire?: (packet: Uint8Array, from: 'peer' | 'authenticator') => Uint8Array;
}

/** What a conversation came to. */
export interface Conversation {
  readonly peer: readonly EapPeerOutput[];
  readonly authenticator: readonly EapAuthenticatorOutput[];
  /** How often the authenticator spoke. */
  readonly turns: number;
  readonly peerEnd: EapPeerOutput | undefined;
  readonly authenticatorEnd: EapAuthenticatorOutput | undefined;
}

/** Runs a whole conversation. */
export function converse(setup: Setup): Conversation {
  const peer = createEapPeer({
    ...setup.peer,
    identity: text(setup.peer.identity),
    crypto,
    random: createSeededRandom('peer'),
  });
  const authenticator = createEapAuthenticator({
    ...setup.authenticator,
    crypto,
    random: createSeededRandom('authenticator'),
  });
  const seen: { peer: EapPeerOutput[]; authenticator: EapAuthenticatorOutput[] } = {
    peer: [],
    authenticator: [],
  };
  const wire = setup.onWire ?? ((packet) => packet);
  let toPeer: Uint8Array[] = [];
  let toAuthenticator: Uint8Array[] = [];
  const fromPeer = (outputs: readonly EapPeerOutput[]): void => {
    for (const output of outputs) {
      seen.peer.push(output);
      if (output.kind === 'send') toAuthenticator.push(wire(output.packet, 'peer'));
      if (output.kind === 'work') {
        fromPeer(
          peer.handle({ kind: 'answer', id: output.id, answer: setup.answerPeer(output.work) }),
        );
      }
    }
  };
  const fromAuthenticator = (outputs: readonly EapAuthenticatorOutput[]): void => {
    for (const output of outputs) {
      seen.authenticator.push(output);
      if (output.kind === 'send') toPeer.push(wire(output.packet, 'authenticator'));
      if (output.kind === 'work') {
        const answer = setup.answerAuthenticator(output.work);
        fromAuthenticator(authenticator.handle({ kind: 'answer', id: output.id, answer }));
      }
    }
  };
  fromAuthenticator(authenticator.start());
  let turns = 0;
  while (toPeer.length + toAuthenticator.length > 0) {
    turns += 1;
    if (turns > 1000) throw new Error('the conversation does not end');
    const down = toPeer;
    toPeer = [];
    for (const packet of down) fromPeer(peer.handle({ kind: 'packet', packet }));
    const up = toAuthenticator;
    toAuthenticator = [];
    for (const packet of up) fromAuthenticator(authenticator.handle({ kind: 'packet', packet }));
  }
  return {
    peer: seen.peer,
    authenticator: seen.authenticator,
    turns,
    peerEnd: seen.peer.find(({ kind }) => kind === 'success' || kind === 'failure'),
    authenticatorEnd: seen.authenticator.find(
      ({ kind }) => kind === 'success' || kind === 'failure',
    ),
  };
}

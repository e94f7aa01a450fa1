import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { createNodeRadiusBackend } from '@ipsec-kit/eap/node';
import type { Answer, EapStepRequest, EapWork } from '@ipsec-kit/ikev2';
import type { Certificate } from '@ipsec-kit/x509';
import type { Keyring } from '../credentials/keyring.ts';
import type { CompiledEap } from './compiled-eap.ts';
import { createEapConversation, type EapConversation } from './eap-conversation.ts';
import { createEapPasswords } from './eap-passwords.ts';
import { createEapTlsEngine, type EapTlsOptions } from './eap-tls-engine.ts';

/** What EAP is done with. */
export interface EapWorkOptions extends Pick<EapTlsOptions, 'checkChain' | 'onProven'> {
  readonly eap: CompiledEap;
  readonly keyring: Keyring;
  /** CAs and intermediate certificates for one's own chain in TLS. */
  readonly authorities: readonly Certificate[];
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
}

/** The EAP conversations of one client or server. */
export interface EapConversations extends EapWork {
  step(request: EapStepRequest): Promise<Answer>;
  /** Lets go of one that goes on no more. */
  end(conversation: bigint): void;
  /** Ends all, and closes the sockets to RADIUS servers. */
  close(): void;
}

/** Makes what performs the EAP conversations that the IKE machine asks for. */
export function createEapWork(options: EapWorkOptions): EapConversations {
  const { eap, random, crypto } = options;
  const conversations = new Map<bigint, EapConversation>();
  const passwords = createEapPasswords(eap);
  const radius = eap.radius && createNodeRadiusBackend({ ...eap.radius, random });

  function begin(request: EapStepRequest): EapConversation | string {
    const connection = eap.connections.get(request.connection);
    if (!connection) return `the connection ${request.connection} has no EAP`;
    const createEngine = (peer: Parameters<typeof createEapTlsEngine>[1]) =>
      createEapTlsEngine({ ...options, connection, request }, peer);
    const { methods } = eap;
    const parts = { connection, passwords, methods, crypto, random, createEngine, radius };
    return createEapConversation(parts, request);
  }

  function end(conversation: bigint): void {
    conversations.get(conversation)?.close();
    conversations.delete(conversation);
  }

  return {
    async step(request) {
      const found = conversations.get(request.conversation) ?? begin(request);
      if (typeof found === 'string') {
        return { kind: 'eap-step', progress: { kind: 'failure', detail: found } };
      }
      conversations.set(request.conversation, found);
      const progress = await found.step(request.packet);
      if (progress.kind !== 'continue') end(request.conversation);
      return { kind: 'eap-step', progress };
    },
    end,
    close() {
      for (const conversation of [...conversations.keys()]) end(conversation);
      radius?.close();
    },
  };
}

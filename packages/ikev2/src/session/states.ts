/** Every state of a session: what it awaits and where it may go next. {@link moveTo} takes its types from here,
 * so a transition that is not in this table does not compile, and the state diagram is printed from it.
 */
export const SESSION_STATES = {
  'generating-key': {
    role: 'initiator',
    awaits: 'the key exchange value for the IKE_SA_INIT request',
    next: ['awaiting-init-response', 'closed'],
  },
  'awaiting-init-response': {
    role: 'initiator',
    awaits: 'the IKE_SA_INIT response',
    next: ['generating-key', 'awaiting-init-response', 'agreeing-key', 'closed'],
  },
  'agreeing-key': {
    role: 'initiator',
    awaits: 'the shared secret of the key exchange',
    // An initiator by EAP has nothing to prove yet.
    next: ['generating-additional-key', 'making-own-proof', 'awaiting-auth-response', 'closed'],
  },
  'generating-additional-key': {
    role: 'initiator',
    awaits: 'the value of an additional key exchange for the IKE_INTERMEDIATE request',
    next: ['awaiting-intermediate-response', 'closed'],
  },
  'awaiting-intermediate-response': {
    role: 'initiator',
    awaits: 'the IKE_INTERMEDIATE response',
    next: ['agreeing-additional-key', 'closed'],
  },
  'agreeing-additional-key': {
    role: 'initiator',
    awaits: 'the shared secret of an additional key exchange',
    next: ['generating-additional-key', 'making-own-proof', 'awaiting-auth-response', 'closed'],
  },
  'making-own-proof': {
    role: 'initiator',
    awaits: 'the secret or the signature that proves who we are',
    // A signature is made twice where the peer may do without the post-quantum pre-shared key.
    next: ['making-own-proof', 'awaiting-auth-response', 'closed'],
  },
  'awaiting-auth-response': {
    role: 'initiator',
    awaits: 'the IKE_AUTH response; with EAP one of several',
    next: ['checking-peer-proof', 'making-eap-response', 'ending', 'closed'],
  },
  'checking-peer-proof': {
    role: 'initiator',
    awaits: 'what it takes to check who the peer is: a secret, or the verdict on its signature',
    next: ['making-eap-response', 'installing-first-child', 'established', 'ending', 'closed'],
  },
  'making-eap-response': {
    role: 'initiator',
    awaits: 'our next packet in the EAP conversation, or its end',
    next: ['awaiting-auth-response', 'ending', 'closed'],
  },
  'installing-first-child': {
    role: 'initiator',
    awaits: 'the packet path to take the first Child SA',
    next: ['established', 'closed'],
  },
  'awaiting-restart': {
    role: 'initiator',
    awaits: 'the time to open the session anew, after its IKE SA was lost',
    next: ['generating-key', 'closed'],
  },
  'generating-response-key': {
    role: 'responder',
    awaits: 'the key exchange value for the IKE_SA_INIT response',
    next: ['agreeing-response-key', 'closed'],
  },
  'agreeing-response-key': {
    role: 'responder',
    awaits: 'the shared secret of the key exchange',
    next: ['awaiting-intermediate-request', 'awaiting-auth-request', 'closed'],
  },
  'awaiting-intermediate-request': {
    role: 'responder',
    awaits: 'the IKE_INTERMEDIATE request with the next additional key exchange',
    next: ['making-intermediate-response', 'lingering', 'closed'],
  },
  'making-intermediate-response': {
    role: 'responder',
    awaits: 'our value and the shared secret of an additional key exchange',
    next: ['awaiting-intermediate-request', 'awaiting-auth-request', 'lingering', 'closed'],
  },
  'awaiting-auth-request': {
    role: 'responder',
    awaits: 'the IKE_AUTH request',
    next: [
      'checking-initiator-proof',
      'proving-before-eap',
      'making-eap-request',
      'lingering',
      'closed',
    ],
  },
  'proving-before-eap': {
    role: 'responder',
    awaits: 'the secret or the signature that proves who we are, to a peer that wants EAP',
    next: ['making-eap-request', 'lingering', 'closed'],
  },
  'making-eap-request': {
    role: 'responder',
    awaits: 'our next packet in the EAP conversation, or its end',
    next: ['awaiting-eap-response', 'lingering', 'closed'],
  },
  'awaiting-eap-response': {
    role: 'responder',
    awaits:
      'the next IKE_AUTH request: with a packet of the EAP conversation, or after its end with AUTH',
    next: ['making-eap-request', 'making-response-proof', 'lingering', 'closed'],
  },
  'checking-initiator-proof': {
    role: 'responder',
    awaits: 'what it takes to check who the peer is: a secret, or the verdict on its signature',
    // It may belong to another connection than the one that was tried first.
    next: ['checking-initiator-proof', 'making-response-proof', 'lingering', 'closed'],
  },
  'making-response-proof': {
    role: 'responder',
    awaits: 'the secret or the signature that proves who we are',
    next: ['leasing-addresses', 'installing-response-child', 'established', 'lingering', 'closed'],
  },
  'leasing-addresses': {
    role: 'responder',
    awaits: 'virtual addresses for the peer from the pools',
    next: ['installing-response-child', 'established', 'closed'],
  },
  'installing-response-child': {
    role: 'responder',
    awaits: 'the packet path to take the first Child SA, before the response promises it',
    next: ['established', 'closed'],
  },
  established: {
    role: 'both',
    awaits: 'requests of the peer, commands, and the responses to its procedures',
    // Opened anew, a session goes on under its name with an IKE SA of its own.
    next: ['ending', 'lingering', 'awaiting-restart', 'closed'],
  },
  ending: {
    role: 'both',
    awaits: 'the response to the request that ends the IKE SA',
    next: ['lingering', 'awaiting-restart', 'closed'],
  },
  lingering: {
    role: 'both',
    awaits:
      'retransmissions of the last request, which are answered from the cache; the session has ended',
    next: ['closed'],
  },
  closed: { role: 'both', awaits: 'nothing: the session has ended', next: [] },
} as const;

/** Name of a session's state. */
export type StateKind = keyof typeof SESSION_STATES;

/** The states that may follow a state. */
export type NextState<Kind extends StateKind> = (typeof SESSION_STATES)[Kind]['next'][number];

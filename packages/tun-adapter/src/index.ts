export { createTun, type TunOptions } from './create-tun.ts';
export * from './create-tun-device.ts';
export { type GivenDevice, givenDevice } from './given-device.ts';
export * from './leftovers.ts';
export {
  openTunQueues,
  type TunQueuesOptions,
  tunQueueFromFd,
  tunQueueOn,
} from './open-tun-queue.ts';
export * from './tun-adapter.ts';
export { TunError } from './tun-error.ts';
export * from './tun-from-fd.ts';
export type * from './tun-queue.ts';

export * from './boottime-clock.ts';
export * from './ip-command-source.ts';
export * from './netlink-source.ts';
export * from './network-monitor.ts';
export * from './network-snapshot.ts';
export * from './network-source.ts';
export type {
  AddressRecord,
  LinkRecord,
  NeighbourRecord,
  RouteRecord,
  RouteRecordKind,
} from './route-message.ts';
export * from './timerfd-alarm.ts';

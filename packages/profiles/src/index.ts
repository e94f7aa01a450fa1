export * from './apple-profile.ts';
export * from './profile.ts';
export * from './profile-qr-code.ts';
export * from './sswan-profile.ts';
export * from './swanctl-text.ts';

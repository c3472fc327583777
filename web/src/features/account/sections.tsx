/** The pages of the settings, fetched together: each is small. */

export { Transcription } from '@/features/defaults/Transcription';
export { Retention } from '@/features/retention/Retention';
export { Webhooks } from '@/features/webhooks/Webhooks';
export { Activity } from './Activity';
export { ApiKeys } from './ApiKeys';
export { Appearance } from './Appearance';
export { Profile } from './Profile';
export { Security } from './Security';
export { Usage } from './Usage';

/** The pages of the settings, fetched together: each is small. */
export { ApiKeys } from './ApiKeys';
export { Appearance } from './Appearance';
export { Profile } from './Profile';
export { Security } from './Security';

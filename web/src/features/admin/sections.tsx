/** The pages for admins, fetched together, and by admins alone. */
export { AdminPage } from './AdminPage';
export { Audit } from './Audit';
export { Groups } from './Groups';
export { Health } from './Health';
export { Jobs } from './Jobs';
export { Models } from './Models';
export { People } from './People';
export { ServerSettings } from './ServerSettings';
export { Storage } from './Storage';

/** The shapes of the API by short names; all of them are generated from its OpenAPI document. */
import type { components } from './generated/schema';

type Schemas = components['schemas'];

export type Recording = Schemas['SessionListItem'];
export type RecordingPage = Schemas['SessionPage'];
export type Result = Schemas['SessionResult'];
export type Segment = Schemas['Segment'];
export type Word = Schemas['Word'];
export type Status = Recording['status'];
export type Me = Schemas['Me'];
export type Key = Schemas['Key'];
export type NewKey = Schemas['NewKey'];
export type Peaks = Schemas['PeaksBody'];
export type Counts = Schemas['Counts'];
export type ProblemBody = Schemas['ProblemBody'];
export type Transcript = Result['transcript'];
export type Access = Result['access'];
export type Change = Schemas['EditWish']['changes'][number];
export type Edit = Schemas['Edit'];
export type Edited = Schemas['Edited'];
export type EditConflict = Schemas['EditConflictBody'];
export type TwoTexts = Schemas['TwoTexts'];
export type Comment = Schemas['Comment'];
export type ChangeEvents = Schemas['ChangeEvents'];
export type RecordingEvents = Schemas['RecordingEvents'];
export type LibraryEvents = Schemas['LibraryEvents'];

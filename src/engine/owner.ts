/** Who works on a record; the code lies in base, because the content store asks the same of its ingests. */
export { isAlive, type Owner, startTimeOf, thisOwner } from "../base/index.ts";

/** What makes a home, by itself: it is loaded when there is none, once for each login. */
export { startKeeper } from "../../runtime/index.ts";

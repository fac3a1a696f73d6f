/** The way into a plain user's home, by itself: a command takes it before anything else is loaded, which the program there loads. */
export { enterHomeIfThere } from "./enter.ts";

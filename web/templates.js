// The pack's templates in the order of their numbers: the server lists files as the disk does.
import { api } from "../../scripts/api.js";
import { inOrder } from "./template_order.js";

const { getWorkflowTemplates } = api;
if (getWorkflowTemplates) {
  api.getWorkflowTemplates = async function (...given) {
    return inOrder(await getWorkflowTemplates.apply(this, given));
  };
}

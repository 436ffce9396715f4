// Lets pictures come from anywhere, says at once what is wrong with a file, and tells those who
// listen instead of look what Gradio leaves unsaid. `facts` is what the server knows of files.
facts => {
  const at = selector => document.querySelector(selector);
  at("#said").setAttribute("role", "status");
  at("#said").setAttribute("aria-live", "polite");

  const set = (element, name, value) => {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const name = () => {
    for (const field of document.querySelectorAll(".block:has(> [data-testid='block-label'])")) {
      const label = field.querySelector("[data-testid='block-label']").innerText.trim();
      for (const button of field.querySelectorAll("button[aria-label]")) {
        button.dataset.own ??= button.getAttribute("aria-label");
        const shown = button.innerText.replace(/\s+/g, " ").trim();
        set(button, "aria-label", `${label}: ${shown || button.dataset.own}`);
      }
    }
    for (const empty of document.querySelectorAll("div.empty[aria-label]")) set(empty, "role", "img");
    for (const tile of document.querySelectorAll(".thumbnail-item")) {
      set(tile, "aria-label", tile.innerText.trim());
      set(tile.querySelector("img"), "alt", "");
    }
  };
  // the divider stands where the slider does, also where Gradio changed the pictures under both;
  // another kind of comparison begins anew
  const divide = () => {
    for (const input of document.querySelectorAll(".slider input")) {
      const begin = input.getAttribute("value");
      if (input.begun !== begin) input.value = input.begun = begin;
      const place = `${input.value}%`, slider = input.parentNode.style;
      if (slider.getPropertyValue("--at") !== place) slider.setProperty("--at", place);
    }
  };
  // Paint and Stop take each other's place: so does the focus
  const follow = () => {
    const last = follow.last, button = at("#stop:not(:disabled)") ?? at("#paint");
    const lost = ["paint", "stop"].includes(last) && document.activeElement === document.body;
    if (lost) button?.focus({ preventScroll: true });
  };
  for (const kind of ["pointerdown", "focusin"]) {
    document.addEventListener(kind, event => { follow.last = event.target.id; });
  }
  const watch = { childList: true, subtree: true, attributes: true, attributeFilter: ["src", "disabled"] };
  new MutationObserver(() => { name(); divide(); follow(); }).observe(document.body, watch);
  name();

  const objection = async file => {
    const head = String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer()));
    const known = facts.starts.some(start => head.startsWith(start)) || head.slice(4, 8) === "ftyp";
    if (file.size > facts.most) return facts.large.replace("{size}", Math.ceil(file.size / 1e6));
    return known ? "" : file.size ? facts.unknown : facts.empty;
  };
  const say = sentence => {
    const told = at("#told textarea");
    told.value = told.value === sentence ? `${sentence} ` : sentence;  // else it is no change
    told.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // Gradio takes what is dropped on a field; it refuses a file whose kind the browser does not
  // know, as most do not know HEIC
  const take = async (files, field) => {
    const empty = ["#photo", "#painting"].filter(name => !at(`${name} img`));
    for (const file of files) {
      const wrong = await objection(file);
      if (wrong) { say(wrong.replace("{name}", file.name)); continue; }
      const dataTransfer = new DataTransfer(), into = field ?? at(empty.shift() ?? "#photo");
      dataTransfer.items.add(new File([file], file.name, { type: file.type || "image/heic" }));
      const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      drop.ours = true;
      into.querySelector(".upload-container").dispatchEvent(drop);
    }
  };
  const fieldOf = event => event.target.closest?.(".block:has(.upload-container)");
  const instead = (event, files, field) => {
    event.preventDefault();
    event.stopPropagation();
    document.body.classList.remove("dropping");
    take([...files], field);
  };
  document.addEventListener("change", event => {
    if (event.target.type === "file" && fieldOf(event)) {
      const files = [...event.target.files];
      event.target.value = "";
      instead(event, files, fieldOf(event));
    }
  }, true);
  document.addEventListener("paste", event => {
    if (event.clipboardData.files.length) instead(event, event.clipboardData.files);
  }, true);
  const isOurs = event => !inside && event.dataTransfer.types.includes("Files");
  let inside = false, painting = "";
  document.addEventListener("dragstart", event => {
    const example = event.target.closest?.("#examples .thumbnail-item")?.querySelector("img").src;
    inside = true;
    painting = example?.replace(/small\/painted\/[^-]*-(.*)\.avif/, "paintings/$1.jpg") ?? "";
  });
  document.addEventListener("dragend", () => { inside = false; painting = ""; });
  document.addEventListener("dragover", event => {
    if (!painting && !isOurs(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", event => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", async event => {
    if (event.ours || !(painting || isOurs(event))) return;
    const dragged = painting, field = fieldOf(event);
    instead(event, dragged ? [] : event.dataTransfer.files, field);
    if (!dragged) return;
    const file = new File([await (await fetch(dragged)).blob()], dragged.split("/").pop());
    take([file], field ?? at("#painting"));
  }, true);
  const camera = document.createElement("input");
  Object.assign(camera, { type: "file", accept: "image/*", capture: "environment" });
  camera.onchange = () => take([...camera.files], at("#photo"));
  document.addEventListener("click", event => { if (event.target.closest("#camera")) camera.click(); });

  // a number beyond the slider's end may be typed: the field would cut it off
  document.addEventListener("blur", event => {
    if (event.target.closest?.("[id^=set-]") && event.target.type === "number") event.stopPropagation();
  }, true);
}

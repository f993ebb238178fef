// The texts of the weights dialog and of the line on the nodes, in English and Chinese; machine_texts.js has the other languages.
import { machineTexts } from "./machine_texts.js";

const TEXTS = {
  en: {
    language: "en",
    button: "Weights…", none: "Needs no weights.", allHere: "Weights: all here", missing: "Weights missing: {}",
    asking: "Weights: …", title: "Weights", allEngines: "all engines", engine: "Engine", close: "Close",
    summary: "{here} of {all} here · {size} to download · {free} free in {folder}",
    summaryHere: "All {all} here · {free} free in {folder}",
    noRoom: "The disk has not enough room: {needed} needed, {free} free.",
    here: "here", notHere: "not here", waiting: "waiting", downloading: "downloading", verifying: "verifying",
    stopped: "Stopped at {}. Download goes on from there.", failed: "Failed: {}", verified: "Verified: {}",
    download: "Download", downloadAll: "Download all that is missing", cancel: "Cancel", verify: "Verify",
    verifyWhy: "Read the files and compare them with the published hashes", open: "Open folder",
    copied: "The folder is on the server: {}. Its path was copied.", folderIs: "The folder is on the server: {}",
    goesTo: "goes to {}", from: "from {}", sizeUnknown: "size not stated", atLeast: "at least {}", about: "about {}",
    accept: "I accept the licence: {}", acceptFirst: "Accept its licence first.",
    noLicence: "no licence is stated", nonCommercial: "not for commercial use",
    unreachable: "ComfyUI's server does not answer; trying again…", copy: "Copy text",
  },
  zh: {
    language: "zh",
    button: "权重…", none: "不需要权重。", allHere: "权重：已齐全", missing: "缺少权重：{}",
    asking: "权重：…", title: "权重", allEngines: "所有引擎", engine: "引擎", close: "关闭",
    summary: "已有 {here}/{all} · 需下载 {size} · {folder} 可用空间 {free}",
    summaryHere: "{all} 项已齐全 · {folder} 可用空间 {free}",
    noRoom: "磁盘空间不足：需要 {needed}，可用 {free}。",
    here: "已有", notHere: "缺少", waiting: "等待中", downloading: "下载中", verifying: "校验中",
    stopped: "停在 {}。再次下载会从此处继续。", failed: "失败：{}", verified: "已校验：{}",
    download: "下载", downloadAll: "下载全部缺少的权重", cancel: "取消", verify: "校验",
    verifyWhy: "读取文件并与公布的哈希值比较", open: "打开文件夹",
    copied: "文件夹在服务器上：{}。路径已复制。", folderIs: "文件夹在服务器上：{}",
    goesTo: "将放入 {}", from: "来自 {}", sizeUnknown: "未注明大小", atLeast: "至少 {}", about: "约 {}",
    accept: "我接受许可：{}", acceptFirst: "请先接受其许可。",
    noLicence: "未注明许可", nonCommercial: "不可商用",
    unreachable: "ComfyUI 服务器没有响应，正在重试…", copy: "复制文字",
  },
  ...machineTexts("weights"),
};

export function weightsTexts(locale) {
  return TEXTS[String(locale ?? "").slice(0, 2)] ?? TEXTS.en;
}

export const LANGUAGES = Object.keys(TEXTS);

"""The words of a prompt, and what Chinese prompts mean by theirs: the compositions and palettes know English."""

from __future__ import annotations

import re

CHINESE = {
    "夕阳": "sunset", "日落": "sunset", "晚霞": "sunset", "黄昏": "dusk", "黎明": "dawn", "日出": "sunrise",
    "清晨": "morning", "海": "sea", "洋": "ocean", "浪": "waves", "湖": "lake", "河": "river", "江": "river",
    "岛": "island", "沙滩": "beach", "灯塔": "lighthouse", "船": "boat", "帆": "sail", "鸟": "bird", "鸥": "gull",
    "森林": "forest", "树": "tree", "松": "pine", "竹": "green", "山": "mountain", "谷": "valley", "草": "grass",
    "田野": "field", "夜": "night", "月": "moon", "星": "stars", "银河": "galaxy", "星云": "nebula",
    "宇宙": "space", "太空": "space", "极光": "aurora", "城": "city", "街": "street", "霓虹": "neon",
    "赛博": "cyberpunk", "雪": "snow", "冰": "ice", "冬": "winter", "秋": "autumn", "枫": "maple", "春": "spring",
    "夏": "summer", "花": "flower", "樱": "sakura", "玫瑰": "rose", "牡丹": "peony", "荷": "lotus", "莲": "lotus",
    "薰衣草": "lavender", "沙漠": "desert", "沙丘": "dunes", "火": "fire", "熔岩": "lava", "金": "gold",
    "铜": "copper", "墨": "ink", "水墨": "ink", "雨": "rain", "雾": "fog", "云": "clouds", "暴风": "storm",
    "风": "wind", "音乐": "music", "丝绸": "silk", "流动": "flow", "大理石": "marble", "梦": "dream",
    "龙": "dragon", "城堡": "castle", "狐": "fox", "红": "red", "粉": "pink", "紫": "purple", "蓝": "blue",
    "绿": "green", "茶": "tea", "咖啡": "coffee", "糖": "candy",
}  # fmt: skip


def words_of(prompt: str) -> list[str]:
    """Lower-case words, in order."""
    return re.findall(r"[^\W\d_]+", prompt.lower())


def meanings_of(prompt: str) -> list[str]:
    """The words, and English ones for what a Chinese prompt names, in the prompt's order."""
    named = [(prompt.find(term), english) for term, english in CHINESE.items() if term in prompt]
    return words_of(prompt) + [english for _, english in sorted(named)]
